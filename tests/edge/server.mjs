// An MCP server that says when it says something, or nothing for as long as it is told. On stdio, or with a PORT on HTTP,
// or with TLS if CERTIFICATES names a folder with fullchain.pem and privkey.pem.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'

const tool = name => ({ name, inputSchema: { type: 'object' } })
const text = text => ({ content: [{ type: 'text', text: String(text) }] })

const tools = {
  /** `count` notifications, each with the moment at which it was sent. */
  async ticks({ count, ms }, { token, send }) {
    for (let progress = 1; progress <= count; progress++) {
      await pause(ms)
      send({ method: 'notifications/progress', params: { progressToken: token, progress, message: String(Date.now()) } })
    }
    return text('done')
  },
  silent: async ({ ms }) => (await pause(ms), text('after all')),
  big: ({ bytes }) => text('x'.repeat(bytes)),
  length: ({ data }) => text(data.length),
  headers: (_, { headers }) => text(JSON.stringify(headers)),
}

/** The answer to one message; undefined for what wants none. */
async function answer({ id, method, params }, send, headers) {
  if (id === undefined) return
  const result = result => ({ jsonrpc: '2.0', id, result })
  if (method === 'initialize') {
    const serverInfo = { name: 'edge', version: '1' }
    return result({ protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo })
  }
  if (method === 'ping') return result({})
  if (method === 'tools/list') return result({ tools: Object.keys(tools).map(tool) })
  if (method !== 'tools/call') return { jsonrpc: '2.0', id, error: { code: -32601, message: 'no such method' } }
  const notify = message => send({ jsonrpc: '2.0', ...message })
  const token = params._meta?.progressToken
  return result(await tools[params.name](params.arguments, { token, send: notify, headers }))
}

async function post(request, response) {
  const chunks = await Array.fromAsync(request)
  const message = JSON.parse(Buffer.concat(chunks).toString())
  const streams = message.method === 'tools/call' && !message.params.arguments.json
  const event = message => response.write(`data: ${JSON.stringify(message)}\n\n`)
  if (streams) response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  const last = await answer(message, event, request.headers)
  if (streams) return response.end(`data: ${JSON.stringify(last)}\n\n`)
  response.writeHead(last ? 200 : 202, { 'content-type': 'application/json' })
  response.end(last && JSON.stringify(last))
}

const { PORT, CERTIFICATES } = process.env
if (PORT) {
  const listen = (request, response) => (request.method === 'POST' ? post(request, response) : response.writeHead(405).end())
  const pem = name => readFileSync(`${CERTIFICATES}${name}.pem`)
  const server = CERTIFICATES ? createSecureServer({ cert: pem('fullchain'), key: pem('privkey') }, listen) : createServer(listen)
  server.listen(PORT, '127.0.0.1')
} else {
  const send = message => message && process.stdout.write(JSON.stringify(message) + '\n')
  createInterface(process.stdin).on('line', async line => send(await answer(JSON.parse(line), send)))
}
