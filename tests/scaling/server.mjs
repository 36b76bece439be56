// A stdio server of both eras that notes in a file what it does, so that what is done twice, or not at all, shows.
// usage: node server.mjs JOURNAL WHERE    a line in JOURNAL for each thing done: WHERE WHAT PAYLOAD
import { appendFileSync } from 'node:fs'
import { McpServer, acceptedContent, inputRequired, inputResponse } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { z } from 'zod'

const [journal, where] = process.argv.slice(2)
const note = (what, payload) => appendFileSync(journal, `${where} ${what} ${payload}\n`)
const say = text => ({ content: [{ type: 'text', text }] })

/** Answers its payload after a time. */
async function work({ payload, ms }) {
  note('work', payload)
  await new Promise(resolve => setTimeout(resolve, ms))
  return say(payload)
}

/** Asks the client's user, and answers what is said. */
function ask({ payload }, ctx) {
  if (inputResponse(ctx.mcpReq.inputResponses, 'question').kind === 'missing') {
    note('ask', payload)
    const requestedSchema = { type: 'object', properties: { name: { type: 'string' } } }
    return inputRequired({ inputRequests: { question: inputRequired.elicit({ message: payload, requestedSchema }) } })
  }
  note('answered', payload)
  return say(`${payload} ${acceptedContent(ctx.mcpReq.inputResponses, 'question').name}`)
}

serveStdio(() => {
  const server = new McpServer({ name: 'journal', version: '1.0.0' }, { capabilities: { logging: {} } })
  const payload = z.string()
  server.registerTool('work', { inputSchema: z.object({ payload, ms: z.number() }) }, work)
  server.registerTool('ask', { inputSchema: z.object({ payload }) }, ask)
  return server
})
