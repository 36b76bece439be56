// Request by request what hosted clients send, whose code cannot be had: claude.ai and ChatGPT.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { check } from '../runner.mjs'
import { answer } from './owner.mjs'

const initialize = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'hosted', version: '1' } },
}

function post(url, message, token) {
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  if (token) headers.authorization = `Bearer ${token}`
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(message) })
}

async function json(response, status = 200) {
  const text = await response.text()
  assert.equal(response.status, status, text)
  return JSON.parse(text)
}

/** A server's own metadata by the header of its 401, and the issuer's at the first place that has it. */
async function discover(url, server, pages) {
  const refused = await post(`${url}/${server}`, initialize)
  assert.equal(refused.status, 401)
  const challenge = refused.headers.get('www-authenticate')
  const metadata = await json(await fetch(challenge.match(/resource_metadata="([^"]+)"/)[1]))
  assert.equal(metadata.resource, `${url}/${server}`)
  assert.equal(challenge.match(/scope="([^"]+)"/)[1], metadata.scopes_supported.join(' '))
  const [issuer] = metadata.authorization_servers
  assert.equal(issuer, new URL(issuer).origin)
  for (const page of pages) {
    const found = await fetch(`${issuer}/.well-known/${page}`)
    if (found.status === 404) continue
    const server = await json(found)
    assert.equal(server.issuer, issuer)
    return { metadata, server }
  }
  throw new Error('no metadata of the issuer')
}

async function register(server, metadata) {
  const headers = { 'content-type': 'application/json' }
  return json(await fetch(server.registration_endpoint, { method: 'POST', headers, body: JSON.stringify(metadata) }), 201)
}

/** Asks the owner; the code and the verifier that goes with it. */
async function ask(server, client, redirect, resource) {
  const verifier = randomBytes(32).toString('base64url')
  const url = new URL(server.authorization_endpoint)
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: redirect,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    state: randomBytes(64).toString('base64url'),
    scope: 'mcp',
    ...(resource && { resource }),
  })
  const location = await answer(url)
  assert.equal(location.origin + location.pathname, redirect)
  assert.equal(location.searchParams.get('state'), url.searchParams.get('state'))
  assert.equal(location.searchParams.get('iss'), server.issuer)
  return { code: location.searchParams.get('code'), verifier }
}

async function tokens(server, form, headers = {}) {
  const response = await fetch(server.token_endpoint, { method: 'POST', headers, body: new URLSearchParams(form) })
  assert.equal(response.headers.get('cache-control'), 'no-store')
  const said = await json(response)
  assert.equal(said.token_type, 'Bearer')
  assert.equal(said.scope, 'mcp')
  assert.ok(said.expires_in > 0 && said.refresh_token)
  return said
}

async function use(url, token) {
  const response = await post(url, initialize, token)
  assert.equal(response.status, 200, await response.clone().text())
  assert.ok(response.headers.get('mcp-session-id'))
}

async function claude(url) {
  const redirect = 'https://claude.ai/api/mcp/auth_callback'
  const { metadata, server } = await discover(url, 'hello', ['oauth-authorization-server'])
  assert.ok(server.token_endpoint_auth_methods_supported.includes('none'))
  assert.ok(server.code_challenge_methods_supported.includes('S256'))
  const client = await register(server, {
    client_name: 'Claude',
    redirect_uris: [redirect],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    scope: 'mcp',
  })
  const { code, verifier } = await ask(server, client, redirect, metadata.resource)
  const client_id = client.client_id
  const first = await tokens(server, {
    grant_type: 'authorization_code',
    code,
    code_verifier: verifier,
    client_id,
    redirect_uri: redirect,
    resource: metadata.resource,
  })
  await use(metadata.resource, first.access_token)
  const { refresh_token } = first
  const next = await tokens(server, { grant_type: 'refresh_token', refresh_token, client_id, resource: metadata.resource })
  await use(metadata.resource, next.access_token)
}

async function chatgpt(url) {
  const redirect = `https://chatgpt.com/connector/oauth/${randomBytes(9).toString('base64url')}`
  const { metadata, server } = await discover(url, 'hello', ['oauth-authorization-server', 'openid-configuration'])
  const client = await register(server, {
    client_name: 'ChatGPT',
    redirect_uris: [redirect],
    token_endpoint_auth_method: 'client_secret_post',
  })
  const { code, verifier } = await ask(server, client, redirect, metadata.resource)
  const { client_id, client_secret } = client
  const said = await tokens(server, {
    grant_type: 'authorization_code',
    client_id,
    client_secret,
    code,
    code_verifier: verifier,
    redirect_uri: redirect,
  })
  await use(metadata.resource, said.access_token)
}

/** A client that was registered beforehand, by hand, and knows the two addresses. */
async function gemini(url) {
  const redirect = 'https://vertexaisearch.cloud.google.com/oauth-redirect'
  const server = {
    issuer: url,
    authorization_endpoint: `${url}/authorize`,
    token_endpoint: `${url}/token`,
    registration_endpoint: `${url}/register`,
  }
  const client = await register(server, { client_name: 'Gemini', redirect_uris: [redirect], token_endpoint_auth_method: 'client_secret_basic' })
  const { code, verifier } = await ask(server, client, redirect)
  const pair = [client.client_id, client.client_secret].map(encodeURIComponent).join(':')
  const authorization = `Basic ${Buffer.from(pair).toString('base64')}`
  const form = { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: redirect }
  const said = await tokens(server, form, { authorization })
  await use(`${url}/hello`, said.access_token)
}

export async function hostedChecks(url) {
  await check('claude.ai, request by request', () => claude(url))
  await check('claude.ai looks at the root and at the path', async () => {
    for (const path of ['', '/hello']) {
      const found = await json(await fetch(`${url}/.well-known/oauth-protected-resource${path}`))
      assert.equal(found.resource, url + path)
    }
  })
  await check('ChatGPT, request by request', () => chatgpt(url))
  await check('Gemini Enterprise, request by request', () => gemini(url))
}
