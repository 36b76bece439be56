// Published clients' own OAuth code: the TypeScript SDK, v1 and v2, mcp-remote, the inspector's command line.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport as Http1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { Client as Client2, StreamableHTTPClientTransport as Http2 } from '@modelcontextprotocol/client'
import { check } from '../runner.mjs'
import { allow, answer } from './owner.mjs'

const CALLBACK = 'http://127.0.0.1:9/callback'
const info = { name: 'checks', version: '1.0.0' }

/** What the SDK asks of an application; `method`: how it proves who it is. */
class Provider {
  registrations = 0
  constructor(method) {
    this.redirectUrl = CALLBACK
    this.clientMetadata = {
      client_name: 'Checks',
      redirect_uris: [CALLBACK],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: method,
    }
  }
  state = () => 'a state'
  clientInformation = () => this.client
  saveClientInformation = client => {
    this.registrations += 1
    this.client = client
  }
  tokens = () => this.kept
  saveTokens = tokens => (this.kept = tokens)
  codeVerifier = () => this.verifier
  saveCodeVerifier = verifier => (this.verifier = verifier)
  discoveryState = () => this.discovered
  saveDiscoveryState = discovered => (this.discovered = discovered)
  redirectToAuthorization = url => (this.url = url)
  invalidateCredentials = what => {
    if (what === 'all' || what === 'client') this.client = undefined
    if (what === 'all' || what === 'tokens') this.kept = undefined
  }
}

const kinds = {
  'TypeScript SDK v1': [Client1, Http1, location => location.searchParams.get('code')],
  'TypeScript SDK v2': [Client2, Http2, location => location.searchParams],
}

/** A connected client; the owner is asked if the provider has no token that works. */
async function connect([Client, Http, said], url, provider) {
  const client = new Client(info, { capabilities: {} })
  const transport = new Http(new URL(url), { authProvider: provider })
  try {
    await client.connect(transport)
    return client
  } catch (error) {
    if (!provider.url) throw error
  }
  const location = await answer(provider.url)
  provider.url = undefined
  assert.equal(location.searchParams.get('state'), 'a state')
  await transport.finishAuth(said(location))
  const again = new Client(info, { capabilities: {} })
  await again.connect(new Http(new URL(url), { authProvider: provider }))
  return again
}

async function tools(client) {
  const { tools } = await client.listTools()
  assert.ok(tools.length > 0)
}

async function sdkChecks(url, name, kind) {
  for (const method of ['none', 'client_secret_post', 'client_secret_basic']) {
    const provider = new Provider(method)
    await check(`${name}, ${method}: from nothing to tools`, async () => {
      const client = await connect(kind, `${url}/hello`, provider)
      await tools(client)
      assert.equal(provider.kept.scope, 'mcp')
      await client.close()
    })
    await check(`${name}, ${method}: a token that is over is refreshed, and nobody asked`, async () => {
      const before = provider.kept.refresh_token
      provider.kept = { ...provider.kept, access_token: 'mcpo_over' }
      const client = await connect(kind, `${url}/hello`, provider)
      await tools(client)
      assert.notEqual(provider.kept.refresh_token, before)
      assert.equal(provider.url, undefined)
      await client.close()
    })
  }
  await check(`${name}: /mcp and a slash at the end are the same server`, async () => {
    for (const path of ['hello/mcp', 'hello/']) {
      const client = await connect(kind, `${url}/${path}`, new Provider('none'))
      await tools(client)
      await client.close()
    }
  })
  await check(`${name}: a registration that is not known any more is made anew`, async () => {
    const provider = new Provider('none')
    const client = await connect(kind, `${url}/hello`, provider)
    await client.close()
    provider.client = { ...provider.client, client_id: `${provider.client.client_id}x` }
    provider.kept = { ...provider.kept, access_token: 'mcpo_over' }
    await tools(await connect(kind, `${url}/hello`, provider))
    assert.equal(provider.registrations, 2)
  })
}

/** The first address of /authorize in what a program prints. */
function address(stream) {
  return new Promise((resolve, reject) => {
    let text = ''
    stream.on('data', data => {
      text += data
      const found = text.match(/https?:\/\/\S+\/authorize\?\S+/)
      if (found && /\s/.test(text[found.index + found[0].length] ?? '')) resolve(found[0])
    })
    stream.on('end', () => reject(new Error(`no address in: ${text}`)))
  })
}

async function remoteChecks(url) {
  await check('mcp-remote: from nothing to tools', async () => {
    const args = ['node_modules/mcp-remote/dist/proxy.js', `${url}/hello`]
    // No browser is found where there is no program.
    const env = { HOME: process.env.HOME, PATH: '/nonexistent' }
    const transport = new StdioClientTransport({ command: process.execPath, args, env, stderr: 'pipe' })
    const asked = address(transport.stderr).then(allow)
    const client = new Client1(info, { capabilities: {} })
    await Promise.all([asked, client.connect(transport)])
    await tools(client)
    await client.close()
  })
}

async function inspectorChecks(url) {
  await check('inspector, command line: from nothing to tools', async () => {
    const program = 'node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js'
    const where = ['--cli', `${url}/hello`, '--transport', 'http', '--callback-url', 'http://127.0.0.1:0/oauth/callback']
    const args = [program, ...where, '--method', 'tools/list', '--format', 'json']
    const env = { HOME: process.env.HOME, PATH: '/nonexistent', MCP_AUTO_OPEN_ENABLED: 'true' }
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    try {
      const out = new Response(child.stdout).text()
      await allow(await address(child.stderr))
      const said = JSON.parse(await out)
      assert.ok((said.result ?? said).tools.length > 0)
    } finally {
      child.kill()
    }
  })
}

export async function clientChecks(url) {
  for (const [name, kind] of Object.entries(kinds)) await sdkChecks(url, name, kind)
  await remoteChecks(url)
  await inspectorChecks(url)
}
