// What has to work for each client with each server: server-everything, and ours with the same tools by the same names.
import assert from 'node:assert/strict'
import { check, eventually } from './runner.mjs'

/**
 * A call of about half a second, and when each of its steps was heard of. The SDK drops a notification that it reads
 * together with the result it belongs to, whoever sent it: so the last steps may be missing.
 */
async function longCall(peer, steps = 3) {
  const seen = []
  const onprogress = progress => seen.push({ ...progress, at: Date.now() })
  assert.match(
    await peer.text('trigger-long-running-operation', { duration: 0.2 * steps, steps }, { onprogress }),
    /completed/,
  )
  assert.ok(seen.length > 0, 'no progress')
  assert.deepEqual(
    seen.map(({ progress, total }) => [progress, total]),
    seen.map((_, n) => [n + 1, steps]),
  )
  return seen
}

async function echoes(peer, message) {
  assert.equal(await peer.text('echo', { message }), `Echo: ${message}`)
}

/** [what, needs, body]: `needs` names what not every server has. */
const checks = [
  [
    'lists',
    '',
    async ({ client }) => {
      const names = (await client.listTools()).tools.map(({ name }) => name)
      for (const name of ['echo', 'get-sum', 'trigger-long-running-operation']) assert.ok(names.includes(name), name)
      assert.ok((await client.listResources()).resources.length > 0)
      assert.ok((await client.listResourceTemplates()).resourceTemplates.length > 0)
      assert.ok((await client.listPrompts()).prompts.some(({ name }) => name === 'args-prompt'))
    },
  ],
  ['echo keeps every character', '', peer => echoes(peer, 'é 漢字 🙂 "quoted" \\ \n\t\u0000\u2028 end')],
  ['100 kB there and back', '', peer => echoes(peer, 'x'.repeat(100_000))],
  [
    'structured content, checked against its schema',
    '',
    async peer => {
      const result = await peer.call('get-structured-content', { location: 'New York' })
      assert.deepEqual(result.structuredContent, JSON.parse(result.content[0].text))
      assert.equal(result.structuredContent.conditions, 'Cloudy')
    },
  ],
  [
    'an image',
    'images',
    async peer => {
      const { content } = await peer.call('get-tiny-image')
      const image = content.find(({ type }) => type === 'image')
      assert.equal(Buffer.from(image.data, 'base64').subarray(1, 4).toString(), 'PNG')
    },
  ],
  [
    'wrong arguments are an error',
    '',
    async peer => {
      assert.equal((await peer.call('get-sum', { a: 'one' })).isError, true)
    },
  ],
  [
    "an unknown prompt is an error with the server's code",
    'codes',
    async ({ client }) => {
      await assert.rejects(client.getPrompt({ name: 'no-such-prompt' }), error => error.code === -32602)
    },
  ],
  [
    'progress comes while the call runs',
    '',
    async peer => {
      const [first, second] = await longCall(peer)
      assert.ok(second.at - first.at > 100, `two steps within ${second.at - first.at} ms`)
    },
  ],
  [
    'a cancelled call ends, and the next one works',
    '',
    async peer => {
      await cancelledCall(peer)
      assert.equal(await peer.text('get-sum', { a: 2, b: 3 }), 'The sum of 2 and 3 is 5.')
    },
  ],
  [
    'the server hears of a cancelled call',
    'counts',
    async peer => {
      const count = async () => Number(await peer.text('count-cancelled'))
      const before = await count()
      await cancelledCall(peer)
      await eventually(async () => (await count()) > before, 'the server hears of it')
    },
  ],
  [
    'resources: read',
    '',
    async ({ client }) => {
      const { contents } = await client.readResource({ uri: 'demo://resource/dynamic/text/7' })
      assert.match(contents[0].text, /^Resource 7:/)
    },
  ],
  [
    'a subscribed resource is reported',
    'subscriptions',
    async peer => {
      const uri = 'demo://resource/dynamic/text/1'
      const unsubscribe = await peer.subscribe(uri)
      await peer.text('toggle-subscriber-updates')
      await eventually(() => peer.updated.includes(uri), 'resources/updated')
      await peer.text('toggle-subscriber-updates')
      await unsubscribe()
    },
  ],
  [
    'prompts: get, complete',
    '',
    async ({ client }) => {
      const { messages } = await client.getPrompt({ name: 'args-prompt', arguments: { city: 'Paris', state: 'Texas' } })
      assert.equal(messages[0].content.text, "What's weather in Paris, Texas?")
      const { completion } = await client.complete({
        ref: { type: 'ref/prompt', name: 'completable-prompt' },
        argument: { name: 'department', value: 'S' },
      })
      assert.deepEqual(completion.values, ['Sales', 'Support'])
    },
  ],
  [
    'log messages reach the client that asked for them',
    '',
    async peer => {
      await peer.logFrom('debug')
      // Not while a call that another client gave up may still be the one meant; nor can the server ask anybody then.
      const toggle = () => peer.text('toggle-simulated-logging')
      await eventually(async () => (await toggle(), await toggle(), peer.logged.length > 0), 'a log message')
    },
  ],
  [
    'the server asks the client for a sample',
    '',
    async peer => {
      assert.match(await peer.text('trigger-sampling-request', { prompt: 'hi' }), /sampled here/)
    },
  ],
  [
    "the server asks the client's user",
    '',
    async peer => {
      assert.match(JSON.stringify(await peer.call('trigger-elicitation-request')), /Ada/)
    },
  ],
]

async function cancelledCall(peer) {
  const abort = new AbortController()
  const pending = peer.text(
    'trigger-long-running-operation',
    { duration: 20, steps: 40 },
    { signal: abort.signal, onprogress: () => abort.abort('enough') },
  )
  await assert.rejects(pending)
}

/** Every check that the server has something for. */
export async function sharedChecks(peer, server, name) {
  for (const [what, needs, body] of checks) {
    if (!needs || server.has.includes(needs)) await check(`${name}: ${what}`, () => body(peer))
  }
}

/** Each counts its requests, and so its progress tokens, from nought. Each is to hear of its own steps and name alone. */
export async function apart(peer, number, server) {
  const who = `client-${number}`
  await peer.logFrom('debug')
  peer.logged.length = 0
  const all = Array.from({ length: 10 }, (_, n) => echoes(peer, `${who}-${n}`))
  const logs = server.has.includes('logs')
    ? [1, 2, 3].map(() => peer.text('toggle-simulated-logging', { message: who }))
    : []
  await Promise.all([...all, longCall(peer, 3 + number), ...logs])
  if (server.has.includes('logs'))
    assert.deepEqual(
      peer.logged.filter(message => message !== who),
      [],
    )
}
