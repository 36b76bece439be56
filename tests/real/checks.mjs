// Published TypeScript clients with servers of both eras.
// usage: node checks.mjs http://127.0.0.1:3000 [PATTERN]   behind the proxy; only groups whose name matches
//        node checks.mjs stdio [PATTERN]                   the same servers directly, to see that a check itself is right
import assert from 'node:assert/strict'
import { connect as connectKind, kinds } from './clients.mjs'
import { echo, inspectorChecks } from './inspector.mjs'
import { check, eventually, group, summary } from './runner.mjs'
import { apart, sharedChecks } from './shared.mjs'

const base = process.argv[2]
const direct = base === 'stdio'
const published = name => ['node', `node_modules/@modelcontextprotocol/server-${name}/dist/index.js`]

/** The servers that have the shared tools: their command, and what not all have. */
const servers = {
  everything: { command: published('everything'), has: ['codes', 'images', 'subscriptions'], legacyOnly: true },
  'everything-http': { has: ['codes', 'images', 'subscriptions'], legacyOnly: true },
  sdk2: { command: ['node', 'servers/sdk2.mjs'], has: ['codes', 'subscriptions', 'logs', 'counts'] }, // both eras
  'sdk2-modern': {
    command: ['node', 'servers/sdk2.mjs', 'modern'],
    has: ['codes', 'subscriptions', 'logs', 'counts'],
    modernOnly: true,
  },
  python2: { command: ['venv/bin/python', '-W', 'ignore', 'servers/python2.py'], has: ['logs', 'counts'] }, // both eras
}
const commands = { memory: published('memory'), time: ['venv/bin/mcp-server-time'] }

const targetOf = server => (direct ? (servers[server]?.command ?? commands[server]) : `${base}/${server}`)
const connect = (server, kind = kinds.sdk1) => connectKind(kind, targetOf(server))
/** Which kinds can meet a server: all of them behind the proxy. */
const kindsFor = server =>
  Object.keys(kinds).filter(
    kind => !direct || (!kinds[kind].through && !kinds[kind].proxied && (kinds[kind].modern || !servers[server].modernOnly)),
  )
const erasFor = server => (direct && servers[server].modernOnly ? ['auto'] : ['legacy', 'auto']) // of the inspector

async function pair(server, kind, name) {
  const peer = await connect(server, kinds[kind])
  await check(`${name}: speaks the client's own revision`, () => {
    const revision = peer.client.getNegotiatedProtocolVersion?.() ?? '2025-11-25' // SDK v1 does not say
    assert.equal(revision, kinds[kind].modern && !(direct && servers[server].legacyOnly) ? '2026-07-28' : '2025-11-25')
  })
  await sharedChecks(peer, servers[server], name)
  await peer.close()
}

/** Two of each kind at once on one child. */
async function together(server, name) {
  await check(
    name,
    async () => {
      const twice = [...kindsFor(server), ...kindsFor(server)]
      const peers = await Promise.all(twice.map(kind => connect(server, kinds[kind])))
      const inspectors = direct ? [] : [...erasFor(server), ...erasFor(server)]
      await Promise.all([
        ...peers.map((peer, n) => apart(peer, n, servers[server])),
        ...inspectors.map((era, n) => echo(targetOf(server), era, `inspector-${n}`)),
      ])
      await peers[0].close()
      assert.equal(await peers[1].text('echo', { message: 'still here' }), 'Echo: still here')
      await Promise.all(peers.slice(1).map(peer => peer.close()))
    },
    60,
  )
}

async function memory() {
  const client = await connect('memory')
  const entity = { name: `proxy-${Date.now()}`, entityType: 'test', observations: ['remembers "quotes" and ünïcode'] }
  await check('memory: writes and reads', async () => {
    await client.call('create_entities', { entities: [entity] })
    const found = JSON.parse(await client.text('search_nodes', { query: entity.name }))
    assert.deepEqual(found.entities, [entity])
  })
  await check('memory: another client sees the same graph', async () => {
    const other = await connect('memory')
    const { structuredContent } = await other.call('open_nodes', { names: [entity.name] })
    assert.deepEqual(structuredContent.entities, [entity])
    await other.call('delete_entities', { entityNames: [entity.name] })
    await other.close()
  })
  await client.close()
}

async function time() {
  const client = await connect('time')
  await check('time: a Python server and a TypeScript client', async () => {
    const converted = JSON.parse(
      await client.text('convert_time', { source_timezone: 'UTC', time: '12:00', target_timezone: 'Asia/Tokyo' }),
    )
    assert.match(converted.target.datetime, /T21:00:00\+09:00$/)
  })
  await client.close()
}

async function samples() {
  await check('hello: the sample in sh', async () => {
    const client = await connect('hello')
    assert.equal(await client.text('greet', { name: 'Zoë "Z"' }), 'Hello, Zoë "Z"!')
    await client.close()
  })
  for (const name of ['clock', 'secure'])
    await check(`${name}: the sample over ${name === 'secure' ? 'TLS' : 'HTTP'}`, async () => {
      const client = await connect(name)
      assert.match(await client.text('now'), /^\d{4}-\d\d-\d\dT/)
      await client.close()
    })
}

/** An HTTP server is killed under a session: its client does not notice. */
async function outlived(server, kind, name) {
  const client = await connect(server, kinds[kind])
  const entry = async () => (await (await fetch(`${base}/servers`)).json()).servers.find(it => it.name === server)
  await check(
    name,
    async () => {
      const { children, restarts } = await entry()
      process.kill(children[0].pid, 'SIGKILL')
      await eventually(async () => (await entry()).restarts > restarts, 'it is started again')
      const texts = await Promise.all([1, 2, 3].map(n => client.text('echo', { message: `again ${n}` })))
      assert.deepEqual(texts, [1, 2, 3].map(n => `Echo: again ${n}`))
    },
    90,
  )
  await client.close()
}

for (const server of Object.keys(servers).filter(server => targetOf(server))) {
  for (const kind of kindsFor(server)) await group(`${server}, ${kind}`, name => pair(server, kind, name))
  for (const era of erasFor(server))
    await group(`${server}, inspector ${era}`, name => inspectorChecks(targetOf(server), era, name))
  await group(`${server}, two of each client at once`, name => together(server, name))
}
await group('memory', memory)
await group('time', time)
for (const server of direct ? [] : ['everything-http', 'python2-http'])
  for (const kind of ['sdk1', 'sdk2', 'sdk2 auto']) await group(`${server}, ${kind}, outlived`, name => outlived(server, kind, name))
if (!direct) await group('samples', samples)
summary()
