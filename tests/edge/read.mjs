// The files of edges that cannot be run without an account: what they say is known, and says what it should.
// usage: node read.mjs CONFIGURATIONS
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { check, summary } from '../runner.mjs'

const [folder] = process.argv.slice(2)
const KEYS = ['tunnel', 'credentials-file', 'originRequest', 'ingress']
const ORIGIN_KEYS = ['connectTimeout', 'keepAliveTimeout', 'keepAliveConnections']

const known = (object, keys) => assert.deepEqual(Object.keys(object).filter(key => !keys.includes(key)), [])

/** Which service a path of the host leads to: the first rule that fits, as cloudflared does it. */
const leads = (ingress, path) => ingress.find(rule => !rule.path || new RegExp(rule.path).test(path)).service

for (const [name, ours, others] of [
  ['cloudflared.yml', ['/', '/notes', '/.well-known/oauth-protected-resource/notes'], []],
  ['cloudflared-prefix.yml', ['/mcp', '/mcp/notes', '/.well-known/oauth-protected-resource/mcp/notes', '/.well-known/oauth-authorization-server/mcp'], ['/', '/mcpx', '/servers', '/.well-known/oauth-protected-resource']],
]) {
  await check(`${name}: its keys are known, its paths lead where they should`, () => {
    const config = parse(readFileSync(join(folder, name), 'utf8'))
    known(config, KEYS)
    known(config.originRequest, ORIGIN_KEYS)
    config.ingress.forEach(rule => known(rule, ['hostname', 'path', 'service']))
    assert.deepEqual(config.ingress.at(-1), { service: 'http_status:404' }) // cloudflared wants a last rule that fits all
    ours.forEach(path => assert.equal(leads(config.ingress, path), 'http://127.0.0.1:3000', path))
    others.forEach(path => assert.equal(leads(config.ingress, path), 'http_status:404', path))
  })
}

await check('tailscale.sh: is read, and says these commands', () => {
  const work = mkdtempSync(join(tmpdir(), 'edge-read-'))
  writeFileSync(join(work, 'tailscale'), '#!/bin/sh\necho "$*"\n')
  chmodSync(join(work, 'tailscale'), 0o755)
  const said = word => execFileSync('sh', [join(folder, 'tailscale.sh'), word], { env: { PATH: `${work}:/usr/bin:/bin` } }).toString().trim()
  assert.equal(said('serve'), 'serve --bg --https=443 http://127.0.0.1:3000')
  assert.equal(said('funnel'), 'funnel --bg --https=443 http://127.0.0.1:3000')
  assert.equal(said('prefix'), 'serve --bg --https=443 --set-path=/mcp http://127.0.0.1:3000/mcp')
  rmSync(work, { recursive: true })
})
summary()
