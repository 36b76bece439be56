// The official conformance suite against the fixture behind the proxy. Each part is compared with the same suite against
// the fixture itself: what is lost on the way must be what expected/PART.txt names, no more and no less.
// usage: node run.mjs PROGRAM [PART...]    (in the folder that scripts/conformance fills)
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { finish, firstUrl, start, stop } from './processes.mjs'
import { compare, expectations, results } from './results.mjs'

const LEGACY = '2025-11-25',
  MODERN = '2026-07-28'

/** `settings`: of server.toml; `eras`: what the fixture speaks; `http`: it is an HTTP server. */
const parts = {
  a: { revision: LEGACY, what: 'one shared child' },
  b: { revision: LEGACY, what: 'a child for each session', settings: { instances: 'per-session' } },
  c: { revision: LEGACY, what: 'streams that are closed early', settings: { stream_close_after_ms: 300 } },
  d: { revision: MODERN, what: 'one shared child' },
  e: { revision: MODERN, what: 'a child that speaks legacy only', eras: 'legacy' },
  f: { revision: LEGACY, what: 'a child that speaks modern only', eras: 'modern' },
  g: { revision: LEGACY, what: 'an HTTP server', http: true },
  h: { revision: MODERN, what: 'an HTTP server', http: true },
  i: { revision: MODERN, what: 'an HTTP server that speaks legacy only', http: true, eras: 'legacy' },
  j: { revision: LEGACY, what: 'an HTTP server that speaks modern only', http: true, eras: 'modern' },
}

const here = import.meta.dirname
const out = name => join(here, 'out', name)
const node = process.execPath,
  fixture = join(here, 'fixture/main.mjs')
const suite = join(here, 'node_modules/@modelcontextprotocol/conformance/dist/index.js')
const [program, ...chosen] = process.argv.slice(2)

/** Runs the suite against a URL; its words and its results go to a folder. */
async function conformance(url, revision, folder) {
  const args = ['server', '--url', url, '--requirements', revision, '-o', join(folder, 'checks')]
  await finish(start([node, suite, ...args], join(folder, 'suite.log')), 150)
  return results(join(folder, 'checks'))
}

function emptyFolder(name) {
  rmSync(out(name), { recursive: true, force: true })
  mkdirSync(join(out(name), 'checks'), { recursive: true })
  return out(name)
}

async function direct(revision) {
  const folder = emptyFolder(`direct-${revision}`)
  const server = start([node, fixture, 'http'], join(folder, 'fixture.log'))
  try {
    return await conformance(await firstUrl(server), revision, folder)
  } finally {
    await stop(server)
  }
}

function serverToml({ settings = {}, eras = 'both', http }) {
  const keys = {
    command: node,
    args: [fixture, http ? 'http' : 'stdio'],
    ...(http && { transport: 'http' }),
    ...settings,
  }
  const lines = Object.entries(keys).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
  return `${lines.join('')}\n[env]\nFIXTURE_ERAS = "${eras}"\n`
}

async function behindProxy(name, part) {
  const folder = emptyFolder(name)
  mkdirSync(join(folder, 'servers/fixture'), { recursive: true })
  writeFileSync(join(folder, 'servers/fixture/server.toml'), serverToml(part))
  const args = ['--listen', '127.0.0.1:0', '--servers', join(folder, 'servers'), '--state-dir', join(folder, 'state')]
  const proxy = start([resolve(program), ...args], join(folder, 'proxy.log'), { MCP_PROXY_PORTS: '0' })
  try {
    return await conformance(`${await firstUrl(proxy)}/fixture`, part.revision, folder)
  } finally {
    await stop(proxy)
  }
}

const bases = {}
const sum = { passed: 0, failed: 0 }

/** The suite against the fixture itself, once: there nothing may fail. */
async function baseOf(revision) {
  if (!bases[revision]) {
    bases[revision] = await direct(revision)
    const failed = [...bases[revision]].filter(([, { status }]) => status !== 'SUCCESS').map(([check]) => check)
    if (failed.length > 0 || bases[revision].size === 0)
      throw new Error(`the fixture itself fails: ${failed.join(', ')}`)
    console.log(`      ${revision}, the fixture itself: ${bases[revision].size} passed`)
  }
  return bases[revision]
}

async function runPart(name) {
  const part = parts[name],
    began = Date.now()
  const title = `${name}: ${part.revision}, ${part.what}`
  try {
    const base = await baseOf(part.revision)
    const run = await behindProxy(name, part)
    const { passed, lost, surprises } = compare(base, run, expectations(join(here, 'expected', `${name}.txt`)))
    const seconds = Math.round((Date.now() - began) / 1000)
    const known = surprises.length === 0 ? 'all known' : `${surprises.length} unexpected`
    console.log(
      `${surprises.length ? 'FAIL' : 'ok  '}  ${title}: ${passed} passed, ${lost} lost, ${known} (${seconds} s)`,
    )
    for (const line of surprises) console.log(`        ${line}`)
    sum.passed += passed
    sum.failed += surprises.length
  } catch (error) {
    console.log(`FAIL  ${title}: ${error.message}`)
    sum.failed += 1
  }
}

const unknown = chosen.filter(name => !parts[name])
if (!program || unknown.length > 0) {
  console.error(`usage: node run.mjs PROGRAM [${Object.keys(parts).join('|')}]...`)
  process.exit(2)
}
for (const name of chosen.length ? chosen : Object.keys(parts)) await runPart(name)
console.log(`${sum.passed} passed, ${sum.failed} failed`)
process.exitCode = sum.failed ? 1 : 0
