// Through nginx, Caddy and HAProxy, with TLS and HTTP/2, at the root of a host and under a prefix.
// usage: node checks.mjs PROGRAM PATTERN CONFIGURATIONS CERTIFICATES    only groups whose name matches; two folders
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Agent, buildConnector, install, setGlobalDispatcher } from 'undici'
import { connect, kinds as clients } from '../clients.mjs'
import { check, eventually, group, summary } from '../runner.mjs'
import { call, messages, post, session } from '../scaling/raw.mjs'
import { HOST, Site, kinds } from './site.mjs'

const [program, , configurations, certificates] = process.argv.slice(2)
const SILENCE_MS = 180_000
const SOON_MS = 200
/** A busy machine may be late for a while; an edge that holds events back always is. */
const TRIES = 6
const BIG_BYTES = 10_000_000
/** As the edges see it: not their own address, which the proxy trusts. */
const CLIENT = '127.0.0.2'
const LIES = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'gopher', 'x-forwarded-prefix': '/evil', forwarded: 'for=203.0.113.9' }

const ca = readFileSync(join(certificates, 'ca.pem'))
/** Which protocols were agreed on, by port. */
const spoken = {}

/** Every request of this process, the SDKs' own included, goes to this machine, and says which protocol was agreed on. */
function takeOver() {
  const lookup = (_, { all }, done) => (all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4))
  const open = buildConnector({ allowH2: true, ca, lookup })
  const noted = (options, done) =>
    open(options, (error, socket) => {
      if (socket) (spoken[options.port] ??= new Set()).add(socket.alpnProtocol)
      done(error, socket)
    })
  setGlobalDispatcher(new Agent({ allowH2: true, connect: noted, localAddress: CLIENT, headersTimeout: 0, bodyTimeout: 0 }))
  install()
}

/** The text of a tool's result, be it large; the answer is read whole. */
async function ask(url, headers, name, args) {
  const response = await post(url, call(1, name, args), headers)
  const whole = await response.text()
  assert.equal(response.status, 200, whole)
  const last = whole.trimEnd().split('\n').at(-1).replace(/^data: /, '')
  return JSON.parse(last).result.content[0].text
}

async function curl(port, path, ...more) {
  const args = ['--silent', '--show-error', '--http2', '--cacert', join(certificates, 'ca.pem'), '--resolve', `${HOST}:${port}:127.0.0.1`, ...more]
  const { stdout } = await promisify(execFile)('curl', [...args, `https://${HOST}:${port}${path}`])
  return stdout
}
const isUp = port => curl(port, '/').then(() => true, () => false)

/** How late the latest of some events came. */
async function lateness(url, headers) {
  const params = { name: 'ticks', arguments: { count: 5, ms: 60 }, _meta: { progressToken: 't' } }
  const response = await post(url, { id: 1, method: 'tools/call', params }, headers)
  let [latest, seen] = [0, 0]
  for await (const { params } of messages(response)) {
    if (!params?.message) continue
    latest = Math.max(latest, Date.now() - Number(params.message))
    seen += 1
  }
  assert.equal(seen, 5)
  return latest
}

async function soon(url, headers) {
  const all = []
  do all.push(await lateness(url, headers))
  while (all.at(-1) > SOON_MS && all.length < TRIES)
  console.log(`      ${all.join(', ')} ms`)
  assert.ok(all.at(-1) <= SOON_MS, `after ${all} ms`)
}

/** What the SDKs do at one address, and that they do it by HTTP/2. */
async function sdks(base, name) {
  for (const kind of ['sdk1', 'sdk2', 'sdk2 auto', 'sdk1 of 2024-11-05']) {
    for (const server of ['pipe', 'web']) {
      await check(`${name}: ${kind} with ${server}`, async () => {
        const peer = await connect(clients[kind], `${base}/${server}`)
        assert.equal(await peer.text('length', { data: 'é\u{1f600}' }), '3')
        assert.equal(await peer.text('silent', { ms: 500 }), 'after all')
        await peer.close()
      })
    }
  }
  await check(`${name}: HTTP/2 was agreed on`, () => assert.deepEqual([...spoken[new URL(base).port]], ['h2']))
}

async function forwarded(base, url, name, prefix) {
  await check(`${name}: what a client says in X-Forwarded-* has no effect`, async () => {
    const seen = JSON.parse(await ask(`${base}/web`, LIES, 'headers', {}))
    const told = ['for', 'host', 'proto', 'prefix'].map(what => seen[`x-forwarded-${what}`].replace(/:\d+$/, ''))
    assert.deepEqual(told, [CLIENT, HOST, 'https', `${prefix}/web`])
    assert.equal(seen.forwarded, undefined)
    const { servers } = await (await fetch(`${base}/servers`, { headers: LIES })).json()
    assert.deepEqual(servers.map(server => server.url), ['far', 'pipe', 'web'].map(server => `${url}/${server}`))
  })
}

/** Everything but silence, of one kind at the root of a host. */
async function atRoot(site, kind, port, name) {
  const base = `https://${HOST}:${port}`
  await check(`${name}: curl speaks HTTP/2 with it`, async () => {
    assert.equal(await curl(port, '/health', '--output', '/dev/null', '--write-out', '%{http_version} %{http_code}'), '2 200')
  })
  await sdks(base, name)
  for (const server of ['pipe', 'web']) {
    const url = `${base}/${server}`
    const headers = server === 'pipe' ? await session(url) : {}
    await check(`${name}: events of ${server} are seen within ${SOON_MS} ms`, () => soon(url, headers))
    await check(`${name}: a result of 10 MB of ${server}`, async () => {
      assert.equal((await ask(url, headers, 'big', { bytes: BIG_BYTES })).length, BIG_BYTES)
    })
    await check(`${name}: an upload of 10 MB to ${server}`, async () => {
      assert.equal(await ask(url, headers, 'length', { data: 'x'.repeat(BIG_BYTES) }), String(BIG_BYTES))
    })
  }
  await check(`${name}: a client that leaves is noticed`, () => leaves(site.root, base))
  await forwarded(base, `https://${HOST}`, name, '')
  await watches(port, name, '/health/ws', `https://${HOST}`)
}

/** What a WebSocket says first. It is asked for in HTTP/1.1, as browsers do. */
function firstMessage(port, path) {
  const headers = { host: HOST, connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }
  return new Promise((done, failed) => {
    const asked = request({ host: '127.0.0.1', localAddress: CLIENT, port, path, servername: HOST, ca, headers, agent: false })
    asked.on('response', ({ statusCode }) => failed(new Error(`answered ${statusCode}`))).on('error', failed).end()
    asked.on('upgrade', (_, socket, head) => {
      const pieces = [head]
      const look = () => {
        // One text frame, of 126 bytes to 64 KiB (RFC 6455, section 5.2).
        const bytes = Buffer.concat(pieces)
        if (bytes.length < 4 || bytes.length < 4 + bytes.readUInt16BE(2)) return
        socket.destroy()
        done({ opcode: bytes.readUInt16BE(0), message: JSON.parse(bytes.subarray(4, 4 + bytes.readUInt16BE(2))) })
      }
      socket.on('data', piece => (pieces.push(piece), look())).on('close', () => failed(new Error('closed')))
      look()
    })
  })
}

async function watches(port, name, path, url) {
  await check(`${name}: ${path} is a WebSocket`, async () => {
    const { opcode, message } = await firstMessage(port, path)
    assert.deepEqual([opcode, message.type], [0x817e, 'snapshot'])
    assert.deepEqual(message.servers.map(server => server.url), ['far', 'pipe', 'web'].map(server => `${url}/${server}`))
  })
}

/** The proxy must see it: in the modern era it is a cancellation. */
async function leaves(proxy, base) {
  const inFlight = async () => (await (await fetch(`http://${proxy}/servers`)).json()).servers.find(server => server.name === 'web').in_flight
  const before = await inFlight()
  const given = new AbortController()
  const message = { jsonrpc: '2.0', ...call(1, 'silent', { ms: SILENCE_MS }) }
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  const response = await fetch(`${base}/web`, { method: 'POST', headers, body: JSON.stringify(message), signal: given.signal })
  assert.equal(await inFlight(), before + 1)
  given.abort()
  await response.text().catch(() => {})
  await eventually(async () => (await inFlight()) === before, 'the call is over', 20)
}

/** Nobody is believed by a proxy that trusts nobody. */
async function untrusted(kind, port, name) {
  await check(`${name}: not believed unless it is in trusted_proxies`, async () => {
    const seen = JSON.parse(await ask(`https://${HOST}:${port}/web`, {}, 'headers', {}))
    assert.deepEqual([seen['x-forwarded-for'], seen['x-forwarded-proto']], ['127.0.0.1', 'http'])
  })
}

async function underPrefix(port, name) {
  const base = `https://${HOST}:${port}/mcp`
  await sdks(base, name)
  await forwarded(base, `https://${HOST}/mcp`, name, '/mcp')
  await watches(port, name, '/mcp/health/ws', `https://${HOST}/mcp`)
  await check(`${name}: what lies beside it does not reach the proxy`, async () => {
    assert.ok(!(await curl(port, '/servers')).includes('"pipe"'))
  })
  for (const what of ['oauth-protected-resource/mcp/pipe', 'oauth-authorization-server/mcp', 'openid-configuration/mcp']) {
    await check(`${name}: .well-known/${what} reaches the proxy`, async () => {
      const type = await curl(port, `/.well-known/${what}`, '--output', '/dev/null', '--write-out', '%{content_type}')
      assert.equal(type, 'application/json')
    })
  }
}

/** All at once, so that it takes three minutes and not many times that. */
function silences(base, name) {
  const silent = async (server, more) => {
    const url = `${base}/${server}`
    const headers = server === 'pipe' ? await session(url) : {}
    const begun = performance.now()
    assert.equal(await ask(url, headers, 'silent', { ms: SILENCE_MS, ...more }), 'after all')
    console.log(`      ${name}: ${server}: ${((performance.now() - begun) / 1000).toFixed(1)} s`)
  }
  const sdk = async kind => {
    const peer = await connect(clients[kind], `${base}/pipe`)
    assert.equal(await peer.text('silent', { ms: SILENCE_MS }, { timeout: SILENCE_MS * 2 }), 'after all')
    await peer.close()
  }
  return [
    ['a stdio server', silent('pipe')],
    ['the event stream of an HTTP server', silent('web')],
    ['the event stream of an HTTP server behind TLS', silent('far')],
    ['an HTTP server that answers with JSON', silent('web', { json: true })],
    ['sdk2 with a stdio server', sdk('sdk2')],
    ['sdk1 of 2024-11-05 with a stdio server', sdk('sdk1 of 2024-11-05')],
  ].map(([what, work]) => [`${name}: three silent minutes of ${what}`, work.then(() => null, error => error)])
}

takeOver()
const site = new Site(program, configurations, certificates)
try {
  await site.startFar()
  const trust = 'trusted_proxies = ["127.0.0.1"]'
  site.root = await site.proxy('root', `public_url = "https://${HOST}"\n${trust}`)
  const prefix = await site.proxy('prefix', `public_url = "https://${HOST}/mcp"\n${trust}`)
  const wary = await site.proxy('wary', `public_url = "https://${HOST}"`)
  const waiting = []
  for (const kind of kinds) {
    await group(kind, async name => {
      const port = await site.edge(kind, '', site.root, isUp)
      waiting.push(...silences(`https://${HOST}:${port}`, name))
      await atRoot(site, kind, port, name)
      await untrusted(kind, await site.edge(kind, '', wary, isUp), name)
      for (const variant of ['-prefix', '-prefix-stripped']) {
        await underPrefix(await site.edge(kind, variant, prefix, isUp), `${kind}${variant}`)
      }
    })
  }
  for (const [name, outcome] of waiting) {
    await check(name, async () => assert.ifError(await outcome), SILENCE_MS / 1000 + 120)
  }
} finally {
  await site.end()
}
summary()
