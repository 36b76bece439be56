// Clients on the TypeScript SDKs, as people use them: they never begin a session anew either.
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as Http1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { Client as Client2, StreamableHTTPClientTransport as Http2 } from '@modelcontextprotocol/client'

const info = { name: 'soak', version: '1.0.0' }
const timeout = 45_000

/** Each tool: its arguments for a unique word, and what its answer must be. */
const TOOLS = {
  echo: { args: message => ({ message }), right: (text, message) => text === `Echo: ${message}` },
  'echo of the fake': { tool: 'echo', args: text => ({ text }), right: (text, word) => text === word },
  convert_time: {
    args: unique => ({ source_timezone: 'UTC', target_timezone: 'UTC', time: clock(unique) }),
    right: (text, unique) => JSON.parse(text).target.datetime.includes(`T${clock(unique)}:`),
  },
}

/** A time of day for a word that ends in a number. */
function clock(unique) {
  const minutes = Number(unique.match(/\d+$/)[0]) % 1440
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
}

export class Sdk {
  patient = true
  constructor(server, name, modern, tool = 'echo') {
    Object.assign(this, { server, name, modern, how: TOOLS[tool], tool: TOOLS[tool].tool ?? tool })
  }

  async connect(url) {
    this.client = this.modern ? new Client2(info, { versionNegotiation: { mode: 'auto' } }) : new Client1(info)
    this.client.onerror = () => {} // a stream that broke: the calls tell what matters
    const address = new URL(`${url}/${this.server}`)
    await this.client.connect(this.modern ? new Http2(address) : new Http1(address))
  }

  async call(unique) {
    const params = { name: this.tool, arguments: this.how.args(unique) }
    const calling = this.modern
      ? this.client.callTool(params, { timeout })
      : this.client.callTool(params, undefined, { timeout })
    const { content, isError } = await calling
    if (isError || !this.how.right(content[0].text, unique)) return `${unique} got ${JSON.stringify(content)}`
  }
}
