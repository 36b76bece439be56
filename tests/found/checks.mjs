// Published servers, each found by nothing but its folder, started, and used through the proxy.
// usage: node checks.mjs PROGRAM SERVERS
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { environment, tree } from './processes.mjs'
import { Proxy } from './proxy.mjs'
import { check, summary } from './runner.mjs'
import { failing, fixedPorts, hanging, leftOut, served } from './servers.mjs'

const [program, folder] = process.argv.slice(2)
const work = mkdtempSync(join(tmpdir(), 'found-'))
const names = Object.keys(served)
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))
process.once('exit', () => rmSync(work, { recursive: true, force: true }))
const secret = () => `secret-${randomBytes(12).toString('hex')}`

/** One value of its own for each folder, one for each variable of the proxy's that is not a server's business. */
const secrets = Object.fromEntries(names.filter(name => !served[name].alone).map(name => [name, secret()]))
const ofProxy = { GITHUB_TOKEN: secret(), DATABASE_URI: secret(), SSH_AUTH_SOCK: secret(), MCP_PROXY_AUTH_TOKEN: secret() }

/** What the proxy is started with beside them, and what a server then has: these, the assigned ones, what sh adds. */
const needed = ['PATH', 'LANG', 'PYENV_ROOT', 'XDG_CACHE_HOME', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS']
const environmentOfProxy = {
  ...Object.fromEntries(needed.filter(key => process.env[key]).map(key => [key, process.env[key]])),
  HOME: work,
  ...ofProxy,
}
const assigned =
  /^(HOME|(MCP_|FASTMCP_)?(PORT|HOST)|NO_COLOR|PYTHONUNBUFFERED|NODE_NO_WARNINGS|FASTMCP_SHOW_\w+_BANNER|MCP_PROXY_RUN|PWD)$/

/** SECRET, WORK and REPOSITORY stand for what only this run knows. */
function filled(name, value) {
  const text = JSON.stringify(value)
    .replaceAll('SECRET', secrets[name])
    .replaceAll('REPOSITORY', join(work, 'repository'))
    .replaceAll('WORK', work)
  return JSON.parse(text)
}

function writeVariables() {
  for (const name of Object.keys(secrets)) {
    const variables = { FOUND_SECRET: secrets[name], ...filled(name, served[name].env ?? {}) }
    const lines = Object.entries(variables).map(([key, value]) => `${key}=${value}\n`)
    writeFileSync(join(folder, name, '.env'), lines.join(''), { mode: 0o600 })
  }
}

function makeRepository() {
  const git = (...words) => execFileSync('git', ['-c', 'user.name=found', '-c', 'user.email=found@localhost', ...words])
  git('init', '--quiet', join(work, 'repository'))
  git('-C', join(work, 'repository'), 'commit', '--quiet', '--allow-empty', '--message', 'the only commit')
}

/** A client lists the server's tools and calls the one that the table names. */
async function use(name) {
  const { at, call, answer } = served[name]
  const client = new Client({ name: 'found', version: '1.0.0' }, { versionNegotiation: { mode: 'legacy' } })
  await client.connect(new StreamableHTTPClientTransport(new URL(`${proxy.url}/${name}`)))
  const { tools } = await client.listTools()
  const [tool, args] = filled(name, call)
  assert.ok(
    tools.some(({ name }) => name === tool),
    `no tool ${tool} among ${tools.map(({ name }) => name)}`,
  )
  const { content } = await client.callTool({ name: tool, arguments: args })
  assert.match(content.map(({ text }) => text).join('\n'), answer)
  await client.close()
  assert.equal((await proxy.servers())[name].kind, at ? 'http' : 'stdio')
  if (at) assert.match(proxy.endpoint(name), at)
}

/** What is said of a server that could not be started: in its state, or by `mcp-proxy check`. */
async function reported(name) {
  const server = (await proxy.servers())[name]
  const out = proxy.check().left_out.find(out => out.name === name)
  return [server?.last_error, out?.reason].filter(Boolean).join('; ')
}

/** Its environment holds its own secret and what the list allows; that of its helpers no other's secret either. */
function isolated(name, server) {
  const others = [...names.filter(other => other !== name).map(other => secrets[other]), ...Object.values(ofProxy)]
  assert.ok(server.children.length > 0, 'it has no process')
  for (const { pid } of server.children) {
    const variables = environment(pid)
    const own = { FOUND_SECRET: secrets[name], ...filled(name, served[name].env ?? {}), ...served[name].set }
    for (const [key, value] of Object.entries(own)) assert.equal(variables[key], value, key)
    assert.deepEqual(
      Object.keys(variables).filter(key => !needed.includes(key) && !assigned.test(key) && !(key in own)),
      [],
    )
    for (const process of tree(pid))
      for (const [key, value] of Object.entries(environment(process)))
        assert.ok(!others.some(other => other && value.includes(other)), `${key} of ${process} is another's`)
  }
}

/** Some servers listen where they like. */
async function isFree(port) {
  const probe = createServer().listen(port)
  await once(probe, 'listening') // or throws what is wrong
  probe.close()
}

for (const port of fixedPorts) await check(`port ${port} is free`, () => isFree(port))
writeVariables()
makeRepository()
const proxy = new Proxy(program, folder, join(work, 'state'), environmentOfProxy)

const found = proxy.check()
for (const name of names)
  await check(`${name}: found`, () => {
    const server = found.servers.find(server => server.name === name)
    assert.ok(server, JSON.stringify(found.left_out.find(out => out.name === name)))
    assert.match(`${server.origin}: ${server.command.join(' ')}`, served[name].by)
  })
for (const [name, reason] of Object.entries(leftOut))
  await check(`${name}: left out, and it is said why`, () => {
    const out = found.left_out.find(out => out.name === name)
    assert.match(`${out?.reason}; ${out?.remedy}`, reason)
  })

await proxy.start()
const began = Date.now()
const first = await proxy.readiness(names, 60)
const running = await proxy.servers()
for (const name of names)
  await check(`${name}: ready after ${first[name]} ms and ${proxy.starts(name)} starts`, () =>
    assert.ok(first[name], `${JSON.stringify(running[name])}\n${proxy.lastLines(name)}`),
  )
for (const name of hanging)
  await check(`${name}: nobody waited for it`, () => {
    assert.deepEqual([running[name].state, running[name].last_error], ['starting', null])
  })
for (const name of names) await check(`${name}: used`, () => use(name))
for (const name of names) await check(`${name}: has its own secrets only`, () => isolated(name, running[name]))
for (const [name, reason] of Object.entries(failing))
  await check(`${name}: fails, and it is said why`, async () => {
    assert.notEqual((await proxy.servers())[name]?.state, 'ready')
    assert.match(await reported(name), reason)
  })
for (const name of hanging)
  await check(
    `${name}: given up in time, and it is said why`,
    async () => {
      await proxy.until(() => reported(name), 'an error', 120 - (Date.now() - began) / 1000)
      assert.match(await reported(name), /did not speak MCP within start_timeout_seconds = 60/)
    },
    120,
  )
await check('no secret is printed', async () => {
  const all = proxy.log + proxy.check().text + JSON.stringify(await proxy.servers())
  for (const [name, value] of Object.entries({ ...secrets, ...ofProxy })) assert.ok(!all.includes(value), name)
})
await check('stops', async () => assert.equal(await proxy.stop(), 0))

await proxy.start()
const second = await proxy.readiness(names, 60)
for (const name of names)
  await check(`${name}: with what was learnt ready or asleep after ${second[name]} ms`, () => {
    assert.ok(second[name])
    assert.equal(proxy.starts(name), served[name].at || served[name].changes ? 1 : 0)
  })
for (const name of ['excel', 'hello', 'old'])
  await check(`${name}: used again, after one start`, async () => {
    await use(name)
    assert.equal(proxy.starts(name), 1)
  })
await proxy.stop()
summary()
