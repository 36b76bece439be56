// Servers that ask their client back. The question belongs to one proxy: an answer that reaches the other one is refused.
import assert from 'node:assert/strict'
import { connect, kinds } from '../clients.mjs'
import { check } from '../runner.mjs'
import { call, first, messages, post, session } from './raw.mjs'

/** How soon a client has to be told; far sooner than any time-out, and no race on a busy machine. */
const AT_ONCE_MS = 5000

const ask = (peer, payload, options) => peer.text('ask', { payload }, options)

async function timed(body) {
  const begun = performance.now()
  const result = await body()
  const ms = performance.now() - begun
  assert.ok(ms < AT_ONCE_MS, `after ${ms.toFixed()} ms`)
  return [result, ms]
}

/** Without an SDK, so that it is certain which proxy gets what. */
async function foreignAnswer(site) {
  const [one, two] = ['one', 'two'].map(name => `${site.proxies[name].url}/apart`)
  const headers = await session(one, { elicitation: {} })
  const stream = messages(await post(one, call(1, 'ask', { payload: 'foreign-answer' }), headers))
  let question
  do question = (await stream.next()).value
  while (question.method !== 'elicitation/create')
  const answer = { id: question.id, result: { action: 'accept', content: { name: 'Ada' } } }
  const [refused, ms] = await timed(() => post(two, answer, headers))
  const text = await refused.text()
  assert.ok(refused.status >= 400, `${refused.status} ${text}`)
  console.log(`      after ${ms.toFixed(1)} ms: ${refused.status} ${text}`)
  assert.equal((await post(one, answer, headers)).status, 202)
  assert.equal((await stream.next()).value.result.content[0].text, 'foreign-answer Ada')
  assert.deepEqual(['ask', 'answered'].map(what => site.times(what, 'foreign-answer')), [1, 1])
}

/** An SDK client of the older revisions hears of it by `onerror`; its call is still waiting, and is given up here. */
async function roundRobinLegacy(site, url) {
  const outcomes = []
  for (let n = 0; n < 4; n++) {
    const payload = `legacy-${n}`
    const peer = await connect(kinds.sdk1, `${url}/apart`)
    const given = new AbortController()
    const refused = new Promise(resolve => (peer.client.onerror = resolve))
    const answered = ask(peer, payload, { signal: given.signal })
    const outcome = await Promise.race([answered.then(() => 'answered'), refused.then(error => error.message)])
    given.abort()
    await answered.catch(() => {})
    await peer.client.close()
    outcomes.push(outcome)
    assert.equal(site.times('ask', payload), 1)
    assert.equal(site.times('answered', payload), outcome === 'answered' ? 1 : 0)
  }
  console.log(`      ${[...new Set(outcomes)].join('\n      ')}`)
  assert.ok(outcomes.some(outcome => outcome !== 'answered'), 'every answer met the right proxy')
}

/** A modern client calls again with the `requestState` it was given; the SDK does so by itself. */
async function roundRobinModern(site, url) {
  const outcomes = []
  for (let n = 0; n < 4; n++) {
    const payload = `modern-${n}`
    const peer = await connect(kinds['sdk2 auto'], `${url}/asking`)
    const [outcome] = await timed(() => ask(peer, payload).catch(error => error.message))
    outcomes.push(outcome)
    await peer.client.close()
    assert.equal(site.times('ask', payload), 1)
    assert.equal(site.times('answered', payload), outcome === `${payload} Ada` ? 1 : 0)
  }
  console.log(`      ${[...new Set(outcomes)].join('\n      ')}`)
  assert.ok(outcomes.some(outcome => !outcome.endsWith(' Ada')), 'every retry met the right proxy')
}

async function sticky(site, url) {
  for (const [kind, server] of [['sdk1', 'apart'], ['sdk2', 'apart'], ['sdk2 auto', 'asking']]) {
    const peers = await Promise.all([1, 2, 3].map(() => connect(kinds[kind], `${url}/${server}`)))
    for (const [n, peer] of peers.entries()) {
      const payload = `sticky-${kind}-${n}`.replaceAll(' ', '-')
      assert.equal(await ask(peer, payload), `${payload} Ada`)
      assert.deepEqual(['ask', 'answered'].map(what => site.times(what, payload)), [1, 1])
    }
    await Promise.all(peers.map(({ client }) => client.close()))
  }
}

export async function askingBack(site, everywhere, hashed, name) {
  await check(`${name}: an answer to the other proxy is refused at once, and still good for the right one`, () => foreignAnswer(site))
  await check(`${name}: round robin, sdk1: the client hears of it, nothing is done twice`, () => roundRobinLegacy(site, everywhere))
  await check(`${name}: round robin, sdk2 auto: a requestState of the other proxy is refused at once`, () => roundRobinModern(site, everywhere))
  await check(`${name}: haproxy-sticky.cfg: all questions are answered, in both eras`, () => sticky(site, hashed))
}
