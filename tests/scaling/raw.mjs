// Requests without an SDK, where it matters which proxy one goes to and what exactly comes back.
import assert from 'node:assert/strict'
import { check, eventually } from '../runner.mjs'
import { PATIENCE_SECONDS } from './site.mjs'

const LEGACY = '2025-11-25'

/** Posts a message. Resolves with the head of the answer; its body is still to be read. */
export function post(url, message, headers = {}) {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  })
}

/** The messages of an answer as they come, be it JSON or an event stream. */
export async function* messages(response) {
  let text = ''
  const stream = response.headers.get('content-type')?.startsWith('text/event-stream')
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    text += piece
    if (!stream) continue
    const lines = text.split('\n')
    text = lines.pop()
    for (const line of lines) {
      const data = line.match(/^data: *(\S.*)/)?.[1]
      if (data) yield JSON.parse(data)
    }
  }
  if (!stream && text) yield JSON.parse(text)
}

/** The first message of an answer. */
export async function first(response) {
  return (await messages(response).next()).value
}

/** Begins a session and returns the headers that name it. */
export async function session(url, capabilities = {}) {
  const params = { protocolVersion: LEGACY, capabilities, clientInfo: { name: 'raw', version: '1' } }
  const response = await post(url, { id: 0, method: 'initialize', params })
  assert.equal(response.status, 200, await response.clone().text())
  await first(response)
  const headers = { 'mcp-session-id': response.headers.get('mcp-session-id'), 'mcp-protocol-version': LEGACY }
  await (await post(url, { method: 'notifications/initialized' }, headers)).arrayBuffer()
  return headers
}

export const call = (id, name, args) => ({ id, method: 'tools/call', params: { name, arguments: args } })

/** The status of a call; one that is answered is answered rightly, or was given up because its session is over. */
async function works(url, headers, payload) {
  const response = await post(url, call(1, 'work', { payload, ms: 0 }), headers)
  const { result, error } = await first(response)
  if (response.status === 200 && !error) assert.equal(result.content[0].text, payload)
  return response.status
}

/** Sessions that their client ends at one proxy: one that the other has served, and one it has never seen. */
export async function ended(site, name, shared) {
  const [one, two] = ['one', 'two'].map(name => `${site.proxies[name].url}/journal`)
  const end = async headers => assert.equal((await fetch(one, { method: 'DELETE', headers })).status, 200)
  await check(`${name}: a session ended at one proxy is ${shared ? 'unknown to both' : 'still known to the other'}`, async () => {
    const [served, unseen] = [await session(one), await session(one)]
    assert.equal(await works(two, served, 'before'), 200)
    for (const headers of [served, unseen]) {
      await end(headers)
      assert.equal(await works(one, headers, 'after'), 404)
    }
    assert.equal(await works(two, unseen, 'after'), shared ? 404 : 200)
    assert.equal(site.times('work', 'after'), shared ? 0 : 1)
    // What it has in memory it looks up now and then ([health] interval_seconds).
    if (shared) await eventually(async () => (await works(two, served, 'soon')) === 404, 'unknown', PATIENCE_SECONDS)
    else assert.equal(await works(two, served, 'soon'), 200)
  }, 2 * PATIENCE_SECONDS)
}

/** Who brings no token meets nothing but the health of the proxy. */
export async function strangers(url, [first, second], name) {
  const status = async (path, token) => {
    const headers = token ? { authorization: `Bearer ${token}` } : {}
    const response = await fetch(`${url}${path}`, { headers })
    await response.arrayBuffer()
    return response.status
  }
  await check(`${name}: only who brings a token gets in, but for checks`, async () => {
    for (const path of ['/servers', '/journal', '/', '/health/..', '//health', '/journal/health']) {
      for (const token of [undefined, 'third-token', `${first}-and-more`, 'first', '']) {
        // 429: that were too many guesses.
        assert.ok([401, 429].includes(await status(path, token)), `${path} ${token}`)
      }
    }
    for (const path of ['/health', '/ready']) assert.equal(await status(path), 200, path)
    for (const token of [first, second]) assert.equal(await status('/servers', token), 200)
    const headers = await fetch(`${url}/servers`, { headers: { authorization: `Basic ${first}` } })
    assert.equal(headers.status, 401)
  })
}
