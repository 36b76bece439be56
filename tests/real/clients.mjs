// The clients that are tried: each kind connects to a server and then looks the same to the checks.
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { StdioClientTransport as Stdio1 } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport as Http1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import * as schemas from '@modelcontextprotocol/sdk/types.js'
import { Client as Client2, StreamableHTTPClientTransport as Http2 } from '@modelcontextprotocol/client'
import { StdioClientTransport as Stdio2 } from '@modelcontextprotocol/client/stdio'

const LOG_LEVEL = 'io.modelcontextprotocol/logLevel'
const capabilities = { sampling: {}, elicitation: {} }
const info = { name: 'checks', version: '1.0.0' }

/** SDK v1 takes the schema of a message where v2 takes its method. */
const v1 = {
  make: () => new Client1(info, { capabilities }),
  Stdio: Stdio1,
  Http: Http1,
  key: method =>
    ({
      'sampling/createMessage': schemas.CreateMessageRequestSchema,
      'elicitation/create': schemas.ElicitRequestSchema,
      'notifications/message': schemas.LoggingMessageNotificationSchema,
      'notifications/resources/updated': schemas.ResourceUpdatedNotificationSchema,
    })[method],
  call: (client, params, options) => client.callTool(params, undefined, options),
}
const v2 = mode => ({
  make: () => new Client2(info, { capabilities, versionNegotiation: { mode } }),
  Stdio: Stdio2,
  Http: Http2,
  key: method => method,
  call: (client, params, options) => client.callTool(params, options),
})

/** The transport of 2024-11-05 has a path of its own. */
class OldHttp extends SSEClientTransport {
  constructor(url) {
    super(new URL(`${url}/sse`))
  }
}

/** `modern`: it speaks 2026-07-28 where it can. `through`: a program between client and server, that is given the server's URL. `proxied`: only the proxy serves it. */
export const kinds = {
  sdk1: v1,
  sdk2: v2('legacy'),
  'sdk2 auto': { ...v2('auto'), modern: true },
  'sdk1 of 2024-11-05': { ...v1, Http: OldHttp, proxied: true },
  'mcp-remote': { ...v1, through: ['node', 'node_modules/mcp-remote/dist/proxy.js'] },
}

/** One client of one server. */
class Peer {
  logged = []
  updated = []
  constructor(kind, client) {
    Object.assign(this, { kind, client })
    this.modern = client.getProtocolEra?.() === 'modern'
    const on = (method, handler) => client.setNotificationHandler(kind.key(method), handler)
    on('notifications/message', ({ params }) => {
      this.logged.push(params.data)
    })
    on('notifications/resources/updated', ({ params }) => {
      this.updated.push(params.uri)
    })
  }

  call(name, args = {}, options) {
    const _meta = this.level && { _meta: { [LOG_LEVEL]: this.level } }
    return this.kind.call(this.client, { name, arguments: args, ..._meta }, options)
  }

  async text(name, args, options) {
    return (await this.call(name, args, options)).content[0].text
  }

  /** Asks for log messages: once for all, or with every call, as the era wants it. */
  async logFrom(level) {
    if (this.modern) this.level = level
    else if (this.client.getServerCapabilities().logging) await this.client.setLoggingLevel(level)
  }

  /** Subscribes to a resource; returns how to end that. */
  async subscribe(uri) {
    if (this.modern) {
      const subscription = await this.client.listen({ resourceSubscriptions: [uri] })
      return () => subscription.close()
    }
    await this.client.subscribeResource({ uri })
    return () => this.client.unsubscribeResource({ uri })
  }

  async close() {
    await this.client.transport?.terminateSession?.()
    await this.client.close()
  }
}

/** `target`: a URL, or the command of a stdio server. */
export async function connect(kind, target) {
  const client = kind.make()
  const on = (method, handler) => client.setRequestHandler(kind.key(method), handler)
  on('sampling/createMessage', async () => ({
    role: 'assistant',
    model: 'none',
    content: { type: 'text', text: 'sampled here' },
  }))
  on('elicitation/create', async () => ({ action: 'accept', content: { name: 'Ada', check: true } }))
  const [command, ...args] = Array.isArray(target) ? target : kind.through ? [...kind.through, target] : []
  const transport = command ? new kind.Stdio({ command, args, stderr: 'ignore' }) : new kind.Http(new URL(target))
  await client.connect(transport)
  return new Peer(kind, client)
}
