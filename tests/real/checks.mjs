// The official TypeScript SDK as a client of published servers.
// usage: node checks.mjs http://127.0.0.1:3000   behind the proxy
//        node checks.mjs stdio                   the same servers directly, to see that a check itself is right
import assert from 'node:assert/strict'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CreateMessageRequestSchema, ElicitRequestSchema, LoggingMessageNotificationSchema, ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { check, eventually, group, summary } from './runner.mjs'

const base = process.argv[2]
const direct = base === 'stdio'
const published = name => ['node', `node_modules/@modelcontextprotocol/server-${name}/dist/index.js`]
const commands = { everything: published('everything'), memory: published('memory'), time: ['venv/bin/mcp-server-time'] }

async function connect(server, capabilities = {}) {
  const client = new Client({ name: 'checks', version: '1.0.0' }, { capabilities })
  if (capabilities.sampling) {
    client.setRequestHandler(CreateMessageRequestSchema, async () =>
      ({ role: 'assistant', model: 'none', content: { type: 'text', text: 'sampled here' } }))
  }
  if (capabilities.elicitation) {
    client.setRequestHandler(ElicitRequestSchema, async () => ({ action: 'accept', content: { name: 'Ada', check: true } }))
  }
  const [command, ...args] = commands[server] ?? []
  const transport = direct
    ? new StdioClientTransport({ command, args, stderr: 'ignore' })
    : new StreamableHTTPClientTransport(new URL(`${base}/${server}`))
  await client.connect(transport)
  return client
}

const text = result => result.content[0].text
const tool = async (client, name, args = {}) => text(await client.callTool({ name, arguments: args }))

/**
 * A call of about half a second with three steps, and the progress it made. The SDK drops a notification that it
 * reads together with the result it belongs to, whoever sent it: so the third step may be missing.
 */
async function longCall(client) {
  const seen = []
  const call = { name: 'trigger-long-running-operation', arguments: { duration: 0.6, steps: 3 } }
  const result = await client.callTool(call, undefined, { onprogress: ({ progress }) => seen.push([progress, Date.now()]) })
  const steps = seen.map(([step]) => step)
  assert.match(text(result), /completed/)
  assert.deepEqual(steps, steps.length === 2 ? [1, 2] : [1, 2, 3])
  return seen[1][1] - seen[0][1]
}

async function everything(server) {
  const client = await connect(server, { sampling: {}, elicitation: {} })
  const say = what => `${server}: ${what}`

  await check(say('initialize'), async () => {
    assert.equal(client.getServerVersion().name, 'mcp-servers/everything')
    const { tools, resources, prompts, logging } = client.getServerCapabilities()
    assert.ok(tools && resources && prompts && logging)
  })
  await check(say('tools/list'), async () => {
    const names = (await client.listTools()).tools.map(({ name }) => name)
    for (const name of ['echo', 'get-sum', 'trigger-sampling-request']) assert.ok(names.includes(name), name)
  })
  await check(say('echo keeps every character'), async () => {
    const message = 'é 漢字 🙂 "quoted" \\ \n\t\u0000\u2028 end'
    assert.equal(await tool(client, 'echo', { message }), `Echo: ${message}`)
  })
  await check(say('100 kB there and back'), async () => {
    const message = 'x'.repeat(100_000)
    assert.equal(await tool(client, 'echo', { message }), `Echo: ${message}`)
  })
  await check(say('structured content, checked against its schema'), async () => {
    const result = await client.callTool({ name: 'get-structured-content', arguments: { location: 'New York' } })
    assert.deepEqual(result.structuredContent, JSON.parse(text(result)))
  })
  await check(say('an image'), async () => {
    const { content } = await client.callTool({ name: 'get-tiny-image', arguments: {} })
    const image = content.find(({ type }) => type === 'image')
    assert.equal(Buffer.from(image.data, 'base64').subarray(1, 4).toString(), 'PNG')
  })
  await check(say('wrong arguments are an error'), async () => {
    const result = await client.callTool({ name: 'get-sum', arguments: { a: 'one' } })
    assert.equal(result.isError, true)
  })
  await check(say('an unknown method is an error with the server\'s code'), async () => {
    await assert.rejects(client.getPrompt({ name: 'no-such-prompt' }), error => error.code === -32602)
  })
  await check(say('progress comes while the call runs'), async () => {
    const apart = await longCall(client)
    assert.ok(apart > 100, `two steps within ${apart} ms`)
  })
  await check(say('a cancelled call ends, and the next one works'), async () => {
    const abort = new AbortController()
    const call = { name: 'trigger-long-running-operation', arguments: { duration: 20, steps: 2 } }
    const pending = client.callTool(call, undefined, { signal: abort.signal })
    setTimeout(() => abort.abort('enough'), 200)
    await assert.rejects(pending)
    assert.equal(await tool(client, 'get-sum', { a: 2, b: 3 }), 'The sum of 2 and 3 is 5.')
  })
  await check(say('resources: list, templates, read'), async () => {
    assert.ok((await client.listResources()).resources.length > 0)
    assert.ok((await client.listResourceTemplates()).resourceTemplates.length > 0)
    const { contents } = await client.readResource({ uri: 'demo://resource/dynamic/text/7' })
    assert.match(contents[0].text, /^Resource 7:/)
  })
  await check(say('a subscribed resource is reported'), async () => {
    const uri = 'demo://resource/dynamic/text/1'
    const updated = []
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => { updated.push(params.uri) })
    await client.subscribeResource({ uri })
    await tool(client, 'toggle-subscriber-updates')
    await eventually(() => updated.includes(uri), 'resources/updated')
    await tool(client, 'toggle-subscriber-updates')
    await client.unsubscribeResource({ uri })
  })
  await check(say('prompts: list, get, complete'), async () => {
    assert.ok((await client.listPrompts()).prompts.some(({ name }) => name === 'args-prompt'))
    const { messages } = await client.getPrompt({ name: 'args-prompt', arguments: { city: 'Paris', state: 'Texas' } })
    assert.equal(messages[0].content.text, "What's weather in Paris, Texas?")
    const { completion } = await client.complete({
      ref: { type: 'ref/prompt', name: 'completable-prompt' }, argument: { name: 'department', value: 'S' },
    })
    assert.deepEqual(completion.values, ['Sales', 'Support'])
  })
  await check(say('log messages reach the client that asked for them'), async () => {
    const logged = []
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => { logged.push(params) })
    await client.setLoggingLevel('debug')
    await tool(client, 'toggle-simulated-logging')
    await eventually(() => logged.length > 0, 'a log message')
    await tool(client, 'toggle-simulated-logging')
  })
  await check(say('the server asks the client for a sample'), async () => {
    assert.match(await tool(client, 'trigger-sampling-request', { prompt: 'hi' }), /sampled here/)
  })
  await check(say('the server asks the client\'s user'), async () => {
    const { content } = await client.callTool({ name: 'trigger-elicitation-request', arguments: {} })
    assert.match(JSON.stringify(content), /Ada/)
  })
  await check(say('two clients with the same ids and tokens at once'), () => together(client, server))
  await client.transport.terminateSession?.()
  await client.close()
}

/** Both count their requests, and so their progress tokens, from nought. */
async function together(first, server) {
  const clients = await Promise.all([connect(server), connect(server)])
  await Promise.all(clients.map(async (client, who) => {
    const echoes = Array.from({ length: 20 }, (_, n) => tool(client, 'echo', { message: `${who}-${n}` }))
    const long = longCall(client)
    for (const [n, echo] of (await Promise.all(echoes)).entries()) assert.equal(echo, `Echo: ${who}-${n}`)
    await long
  }))
  await clients[0].close()
  assert.equal(await tool(clients[1], 'echo', { message: 'still here' }), 'Echo: still here')
  await clients[1].close()
  assert.equal(await tool(first, 'echo', { message: 'me too' }), 'Echo: me too')
}

async function memory() {
  const client = await connect('memory')
  const entity = { name: `proxy-${Date.now()}`, entityType: 'test', observations: ['remembers "quotes" and ünïcode'] }
  await check('memory: writes and reads', async () => {
    await client.callTool({ name: 'create_entities', arguments: { entities: [entity] } })
    const found = JSON.parse(await tool(client, 'search_nodes', { query: entity.name }))
    assert.deepEqual(found.entities, [entity])
  })
  await check('memory: another client sees the same graph', async () => {
    const other = await connect('memory')
    const { structuredContent } = await other.callTool({ name: 'open_nodes', arguments: { names: [entity.name] } })
    assert.deepEqual(structuredContent.entities, [entity])
    await other.callTool({ name: 'delete_entities', arguments: { entityNames: [entity.name] } })
    await other.close()
  })
  await client.close()
}

async function time() {
  const client = await connect('time')
  await check('time: a Python server and a TypeScript client', async () => {
    const converted = JSON.parse(await tool(client, 'convert_time', {
      source_timezone: 'UTC', time: '12:00', target_timezone: 'Asia/Tokyo',
    }))
    assert.match(converted.target.datetime, /T21:00:00\+09:00$/)
  })
  await client.close()
}

async function samples() {
  await check('hello: the sample in sh', async () => {
    const client = await connect('hello')
    assert.equal(await tool(client, 'greet', { name: 'Zoë "Z"' }), 'Hello, Zoë "Z"!')
    await client.close()
  })
  for (const name of ['clock', 'secure']) await check(`${name}: the sample over ${name === 'secure' ? 'TLS' : 'HTTP'}`, async () => {
    const client = await connect(name)
    assert.match(await tool(client, 'now'), /^\d{4}-\d\d-\d\dT/)
    await client.close()
  })
}

await group('everything', () => everything('everything'))
await group('memory', memory)
await group('time', time)
if (!direct) {
  await group('everything-http', () => everything('everything-http'))
  await group('samples', samples)
}
summary()
