// Real servers and clients, a fault every two seconds, every answer checked. See docs/testing.md.
// usage: node soak.mjs PROGRAM WORK MINUTES SEED
import { setTimeout as pause } from 'node:timers/promises'
import { faults } from './faults.mjs'
import { Plain } from './plain.mjs'
import { marked, usage } from './processes.mjs'
import { Proxy, until } from './proxy.mjs'
import { random } from './random.mjs'
import { Sdk } from './sdk.mjs'
import { Tally } from './tally.mjs'

const [program, work, minutes, seed] = process.argv.slice(2)
const chance = random(Number(seed))
const tally = new Tally()
const proxy = new Proxy(program, work)
const names = ['fake', 'own', 'fake-http', 'everything', 'everything-http', 'sdk2', 'time']
/** What the faults do not choose is `changing`; `own` starts no child before there is a session. */
const running = [...names.filter(name => name !== 'own'), 'changing']
const EVERY = 2000
/** Idle threads end after ten seconds, and memory goes back with the next round of health, ten later. */
const SETTLED = 22_000

const clients = [
  ...['a', 'b', 'c'].map(name => new Plain('fake', name, false)),
  ...['d', 'e'].map(name => new Plain('fake', name, true)),
  ...['f', 'g'].map(name => new Plain('own', name, false)),
  ...['h', 'i'].map(name => new Plain('fake-http', name, false)),
  new Plain('changing', 'j', false),
  new Sdk('fake', 'k', true, 'echo of the fake'),
  ...['l', 'm'].map(name => new Sdk('everything', name, false)),
  new Sdk('everything', 'n', true),
  ...['o', 'p'].map(name => new Sdk('everything-http', name, false)),
  ...['q', 'r'].map(name => new Sdk('sdk2', name, true)),
  new Sdk('sdk2', 's', false),
  new Sdk('time', 't', false, 'convert_time'),
]

/** Clients rest while this is a promise. */
let rest
let over = false
let busy = 0

/** One client's calls, one after another, until the end. */
async function work_(client) {
  for (let n = 0; !over; n++) {
    await rest
    const began = performance.now()
    busy += 1
    try {
      const mistake = await client.call(`${client.name} ${n}`)
      mistake ? tally.mistake(`${client.server}: ${mistake}`) : (tally.answered += 1)
    } catch (error) {
      tally.failed(client.server, began, error, client.patient)
      await pause(100)
    } finally {
      busy -= 1
    }
    await pause(20 + Math.random() * 100)
  }
}

/** Everyone rests; what the proxy holds then. */
const curve = []
async function sample(ms = 2000) {
  let go
  rest = new Promise(resolve => (go = resolve))
  await until(() => busy === 0, 60, 'all clients rest')
  await pause(ms)
  curve.push({ ...usage(proxy.process.pid), life: proxy.lives })
  rest = undefined
  go()
}

async function fault(kinds, kind) {
  const began = performance.now()
  tally.count(kind)
  await kinds[kind](kind).catch(error => tally.mistake(`${kind}: ${error.message}`))
  await pause(Math.max(0, EVERY - (performance.now() - began)))
}

/** Faults until a moment, with a rest every so often. */
async function strain(kinds, until_, restEvery) {
  const next_ = chance.bag(Object.keys(kinds))
  for (let next = performance.now() + restEvery; performance.now() < until_; ) {
    await fault(kinds, next_())
    if (performance.now() > next) {
      await sample()
      next += restEvery
    }
  }
}

/** ±10 %, and what one connection more or less is. */
function steady(what, first, last, slack) {
  const fits = Math.abs(last - first) <= first * 0.1 + slack
  console.log(`${fits ? 'ok   ' : 'FAIL '} ${what}: ${first} after the warm-up, ${last} at the end`)
  return fits
}

/** What is held for good: threads that wait for work a while longer are not. */
const least = (points, what) => Math.min(...points.map(point => point[what]))

console.log(`seed ${seed}, ${minutes} minutes`)
await proxy.start()
await proxy.ready(running, 120)
await Promise.all(clients.map(client => client.connect(proxy.url)))
const working = clients.map(work_)
await pause(3000)

// The first half with faults of the proxy itself; the second is one life, in which growth would show.
const begun = performance.now()
const half = (minutes * 60_000) / 2
const { ofAll, ofProxy } = faults({ proxy, tally, chance, names, clients, work })
await strain({ ...ofAll, ...ofProxy }, begun + half, half / 3)
// Its warm-up has each fault once: stacks, buffers and what is kept for clients are as large then as they get.
for (const kind of Object.keys(ofAll)) await fault(ofAll, kind)
const warm = curve.length
await sample(SETTLED)
const warmed = performance.now()
await strain(ofAll, warmed + half, half / 8)
await proxy.ready(running, 60).catch(error => tally.mistake(error.message))
await sample(SETTLED)
over = true
await Promise.all(working)

tally.report()
console.log('rest   life   own kB  threads  descriptors')
curve.forEach(({ memory, threads, descriptors, life }, n) =>
  console.log([n, life, memory, threads, descriptors].map(it => String(it).padStart(7)).join('')),
)
const [first, last] = [curve.slice(warm, warm + 3), curve.slice(-3)]
const fits = [
  steady('memory of its own in kB', least(first, 'memory'), least(last, 'memory'), 512),
  steady('threads', least(first, 'threads'), least(last, 'threads'), 4),
  steady('descriptors', least(first, 'descriptors'), least(last, 'descriptors'), 8),
]
proxy.process.kill('SIGTERM')
await proxy.ended
await pause(500)
const left = marked(`SOAK=${work}`)
if (left.length) tally.mistake(`processes were left behind: ${left}`)
const passed = tally.wrong.length === 0 && fits.every(Boolean)
console.log(passed ? 'passed' : 'FAILED')
process.exit(passed ? 0 : 1)
