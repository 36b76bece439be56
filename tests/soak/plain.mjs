// A client without an SDK: it checks each answer byte for byte, and never begins a session anew.
import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'

const MODERN = '2026-07-28'
const META = 'io.modelcontextprotocol/'
/** Longer than the proxy lets a call wait for a restart. In ms. */
const PATIENCE = 45_000

export class Plain {
  constructor(server, name, modern) {
    Object.assign(this, { server, name, modern, id: 0, session: undefined })
    this.agent = new Agent({ keepAlive: true, maxSockets: 1 })
  }

  async connect(url) {
    this.url = `${url}/${this.server}`
    if (this.modern) return
    const clientInfo = { name: this.name, version: '1' }
    const { headers } = await this.post(
      JSON.stringify({
        jsonrpc: '2.0',
        id: 'hello',
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo },
      }),
    )
    this.session = headers['mcp-session-id']
    await this.post('{"jsonrpc":"2.0","method":"notifications/initialized"}')
  }

  /** A call whose arguments no parser and printer would leave alone; the text of what is wrong with its answer. */
  async call(unique) {
    const id = `"${this.name} ${++this.id}"`
    const args = `{"unique":"${unique}","n":1.0,"big":12345678901234567890,"e":1e400 ,"u":"\\u00e9\\/é"}`
    const { status, body } = await this.post(this.message(id, 'args', args))
    if (status !== 200) throw new Error(`HTTP ${status}: ${body}`)
    if (body.includes('"error"')) throw new Error(body)
    for (const part of [`"id":${id}`, `"structuredContent":${args}`])
      if (!body.includes(part)) return `the answer to ${unique} lacks ${part}: ${body}`
  }

  /** Begins a call on a connection of its own and leaves in the middle of it. */
  async leave(unique) {
    await this.abandon('sleep', `{"ms":1000,"unique":"${unique}"}`, 50)
  }

  /** Asks for much and reads nothing. */
  async stall(ms) {
    await this.abandon('big', '{"bytes":4000000}', ms)
  }

  async abandon(tool, args, ms) {
    const sending = this.send(this.message(`"${this.name} ${++this.id}"`, tool, args), new Agent())
    sending.on('error', () => {}).on('response', response => response.on('error', () => {}).pause())
    await pause(ms)
    sending.destroy()
  }

  message(id, name, args) {
    const info = `"${META}protocolVersion":"${MODERN}","${META}clientCapabilities":{}`
    const meta = this.modern ? `,"_meta":{${info}}` : ''
    const params = `{"name":"${name}","arguments":${args}${meta}}`
    this.called = name
    return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`
  }

  headers() {
    if (this.modern)
      return { 'MCP-Protocol-Version': MODERN, 'Mcp-Method': 'tools/call', 'Mcp-Name': this.called }
    return this.session ? { 'MCP-Protocol-Version': '2025-11-25', 'Mcp-Session-Id': this.session } : {}
  }

  send(body, agent = this.agent) {
    const headers = {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'Content-Length': Buffer.byteLength(body),
      ...this.headers(),
    }
    const sending = request(this.url, { method: 'POST', agent, headers, timeout: PATIENCE })
    sending.end(body)
    return sending
  }

  post(body) {
    return new Promise((resolve, reject) => {
      const sending = this.send(body)
      sending.on('error', reject).on('timeout', () => sending.destroy(new Error('no answer: it is lost')))
      sending.on('response', response => {
        let body = ''
        response.setEncoding('utf8').on('data', text => (body += text))
        response.on('error', reject).on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }))
        response.on('aborted', () => reject(new Error('the answer broke off')))
      })
    })
  }
}
