// A stdio server of both eras on the TypeScript SDK v2, with some of server-everything's tools, prompts and resources
// under the same names, so that the same checks fit both.
// usage: node sdk2.mjs [modern]    `modern`: it refuses the handshake of the older revisions
import {
  McpServer,
  ResourceTemplate,
  acceptedContent,
  completable,
  inputRequired,
  inputResponse,
} from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { z } from 'zod'

const text = string => ({ type: 'text', text: string })
const say = string => ({ content: [text(string)] })
const weather = { 'New York': { temperature: 33, conditions: 'Cloudy', humidity: 82 } }

/** The answer to a question of ours: asked if it has not come yet, by a request or in the result as the era wants it. */
function asked(ctx, question) {
  const answer = inputResponse(ctx.mcpReq.inputResponses, 'question')
  return answer.kind === 'missing' ? { again: inputRequired({ inputRequests: { question } }) } : { answer }
}

let cancelled = 0

async function longRunning({ duration, steps }, ctx) {
  const progressToken = ctx.mcpReq._meta?.progressToken
  for (let progress = 1; progress <= steps; progress++) {
    await new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, (duration / steps) * 1000)
      const cancel = () => {
        ;(clearTimeout(timer), cancelled++, reject(new Error('cancelled')))
      }
      ctx.mcpReq.signal.addEventListener('abort', cancel, { once: true })
    })
    if (progressToken === undefined) continue
    await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: steps } })
  }
  return say(`Long running operation completed. Duration: ${duration} seconds, Steps: ${steps}.`)
}

function sampling({ prompt }, ctx) {
  const messages = [{ role: 'user', content: text(prompt) }]
  const { again, answer } = asked(ctx, inputRequired.createMessage({ messages, maxTokens: 100 }))
  return again ?? say(`LLM sampling result: ${JSON.stringify(answer.result)}`)
}

function elicitation(_, ctx) {
  const requestedSchema = { type: 'object', properties: { name: { type: 'string' }, check: { type: 'boolean' } } }
  const { again } = asked(ctx, inputRequired.elicit({ message: 'Your name?', requestedSchema }))
  return again ?? say(JSON.stringify(acceptedContent(ctx.mcpReq.inputResponses, 'question')))
}

const tools = server => ({
  echo: [{ message: z.string() }, ({ message }) => say(`Echo: ${message}`)],
  'get-sum': [{ a: z.number(), b: z.number() }, ({ a, b }) => say(`The sum of ${a} and ${b} is ${a + b}.`)],
  'get-structured-content': [
    { location: z.string() },
    ({ location }) => {
      const structuredContent = weather[location]
      return { content: [text(JSON.stringify(structuredContent))], structuredContent }
    },
    { temperature: z.number(), conditions: z.string(), humidity: z.number() },
  ],
  'trigger-long-running-operation': [{ duration: z.number(), steps: z.number() }, longRunning],
  'count-cancelled': [{}, () => say(`${cancelled}`)],
  'trigger-sampling-request': [{ prompt: z.string() }, sampling],
  'trigger-elicitation-request': [{}, elicitation],
  'toggle-simulated-logging': [
    { message: z.string().optional() },
    async ({ message = 'a message' }, ctx) => {
      await ctx.mcpReq.log('info', message, 'sdk2')
      return say('Logged.')
    },
  ],
  'toggle-subscriber-updates': [
    {},
    () => {
      server.server.sendResourceUpdated({ uri: 'demo://resource/dynamic/text/1' })
      return say('Updated.')
    },
  ],
})

function prompts(server) {
  const user = string => ({ messages: [{ role: 'user', content: text(string) }] })
  const where = z.object({ city: z.string(), state: z.string().optional() })
  server.registerPrompt('args-prompt', { argsSchema: where }, ({ city, state }) =>
    user(`What's weather in ${state ? `${city}, ${state}` : city}?`),
  )
  const departments = ['Engineering', 'Sales', 'Marketing', 'Support']
  const department = completable(z.string(), value => departments.filter(name => name.startsWith(value)))
  server.registerPrompt('completable-prompt', { argsSchema: z.object({ department }) }, ({ department }) =>
    user(department),
  )
}

function resources(server) {
  const dynamic = async uri => ({
    contents: [{ uri: uri.href, text: `Resource ${uri.href.split('/').pop()}: made for you` }],
  })
  server.registerResource('first', 'demo://resource/dynamic/text/1', {}, dynamic)
  server.registerResource(
    'text',
    new ResourceTemplate('demo://resource/dynamic/text/{id}', { list: undefined }),
    {},
    dynamic,
  )
}

function build({ era }) {
  const capabilities = { logging: {}, resources: { subscribe: true } }
  const server = new McpServer({ name: 'sdk2', version: '1.0.0' }, { capabilities })
  for (const [name, [inputs, run, outputs]] of Object.entries(tools(server))) {
    const outputSchema = outputs && z.object(outputs)
    server.registerTool(name, { description: name, inputSchema: z.object(inputs), outputSchema }, run)
  }
  prompts(server)
  resources(server)
  if (era === 'legacy') {
    for (const verb of ['subscribe', 'unsubscribe']) server.server.setRequestHandler(`resources/${verb}`, () => ({}))
  }
  return server
}

serveStdio(build, { legacy: process.argv[2] === 'modern' ? 'reject' : 'serve' })
