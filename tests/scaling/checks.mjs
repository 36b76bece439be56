// Two proxies behind HAProxy, as docs/scaling.md has them: what is lost when one is killed, and what belongs to one alone.
// usage: node checks.mjs PROGRAM PATTERN CONFIGURATIONS    only groups whose name matches; a folder
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { check, group, summary } from '../runner.mjs'
import { Load, account } from './load.mjs'
import { Site } from './site.mjs'
import { askingBack } from './asking.mjs'
import { ended, strangers } from './raw.mjs'

const [program, , configurations] = process.argv.slice(2)
const file = name => join(configurations, name)
const servers = { journal: '', asking: 'eras = "legacy"', apart: 'eras = "legacy"\ninstances = "per-session"' }
const CLIENTS = {
  typescript: { sdk1: 2, sdk2: 2, 'sdk2 auto': 2 },
  python: { Client: 1, 'Client legacy': 1 },
}

/** Kills each proxy once in mid-load and starts it again. */
async function killed(site, url) {
  const load = await Load.start(`${url}/journal`, CLIENTS)
  const kills = []
  await load.goesOn(20)
  for (const name of ['one', 'two']) {
    kills.push(await site.kill(name))
    await load.goesOn(20)
    await site.restart(name)
    await load.goesOn(20)
  }
  return { calls: await load.stop(), kills }
}

/** Stops each proxy after HAProxy was told to send it nothing more, and starts it again. */
async function restarted(site, url) {
  const load = await Load.start(`${url}/journal`, CLIENTS)
  for (const name of ['one', 'two']) {
    await load.goesOn(10)
    await site.set(name, 'drain')
    await load.goesOn(3) // those in flight have ended
    await site.proxies[name].program.end('SIGTERM')
    await site.restart(name)
    await site.set(name, 'ready')
  }
  await load.goesOn(10)
  return load.stop()
}

async function planned(site, url, name) {
  await check(`${name}: each restarted in mid-load, drained first: no call fails`, async () => {
    console.log(`      ${account(await restarted(site, url), site.done(), [])}`)
  }, 600)
}

async function failover(site, url, name) {
  await check(`${name}: one killed in mid-load, then the other: only calls in flight fail, nothing is done twice`, async () => {
    const { calls, kills } = await killed(site, url)
    console.log(`      ${account(calls, site.done(), kills)}`)
  }, 600)
}

/** A site of its own for each group. */
async function at(options, name, body) {
  await group(name, async () => {
    const site = await Site.start(program, options)
    try {
      await body(site, name)
    } finally {
      await site.end()
    }
  })
}

for (const shared of [false, true]) {
  await at({ servers: { journal: '' }, shared }, shared ? 'one state folder' : 'a state folder each', async (site, name) => {
    const url = await site.balance(file('haproxy.cfg'))
    await failover(site, url, name)
    await planned(site, url, name)
    await ended(site, name, shared)
  })
}
await at({ servers, shared: false }, 'asking back', async (site, name) => {
  const [everywhere, sticky] = [await site.balance(file('haproxy.cfg')), await site.balance(file('haproxy-sticky.cfg'))]
  await askingBack(site, everywhere, sticky, name)
  await failover(site, sticky, 'haproxy-sticky.cfg')
})
await at({ servers: { journal: '' }, shared: false }, 'container', async (site, name) => {
  const tokens = ['first-token', 'second-token'].map(token => token.padEnd(40, '-'))
  await strangers(await site.container(program, file('Dockerfile'), tokens), tokens, name)
})
await check('haproxy-swarm.cfg: is read', () => promisify(execFile)('haproxy', ['-c', '-f', file('haproxy-swarm.cfg')]))
summary()
