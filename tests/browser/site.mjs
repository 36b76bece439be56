// A proxy with a folder of servers, as a person has it.
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const PASSWORD = 'correct horse battery'
/** What a server may print to get into the page. */
export const HOSTILE = '<img src=x onerror=alert(1)> </script> {{main}}'

export class Site {
  constructor(program) {
    this.program = program
    this.folder = mkdtempSync(join(tmpdir(), 'mcp-proxy-page-'))
    mkdirSync(join(this.folder, 'servers'))
    this.options = ['--servers', join(this.folder, 'servers'), '--state-dir', join(this.folder, 'state')]
  }

  add(name, lines, toml = '') {
    const folder = join(this.folder, 'servers', name)
    mkdirSync(folder)
    writeFileSync(join(folder, 'server.sh'), `#!/bin/sh\n${lines}\n`)
    chmodSync(join(folder, 'server.sh'), 0o755)
    if (toml) writeFileSync(join(folder, 'server.toml'), toml)
  }

  /** A copy of the server that comes with the proxy; `before` runs first. */
  hello(name, source, before = '', toml = '') {
    const copy = join(this.folder, `${name}.sh`)
    cpSync(join(source, 'hello/hello.sh'), copy)
    this.add(name, `${before}\nexec sh ${copy}`, toml)
  }

  run(args, input) {
    return execFileSync(this.program, [...args, ...this.options], { input, encoding: 'utf8', env: this.env(), stdio: ['pipe', 'pipe', 'ignore'] })
  }

  env() {
    return { PATH: process.env.PATH, HOME: this.folder, MCP_PROXY_PORTS: '0' }
  }

  async start() {
    this.run(['passwd'], `${PASSWORD}\n`)
    this.process = spawn(this.program, ['--listen', '127.0.0.1:0', ...this.options], { env: this.env(), stdio: ['ignore', 'ignore', 'pipe'] })
    this.log = ''
    this.url = await new Promise((resolve, reject) => {
      this.process.once('exit', () => reject(new Error(`the proxy has ended: ${this.log}`)))
      this.process.stderr.on('data', chunk => {
        this.log += chunk
        const found = this.log.match(/listening on (http:[^\s]+)/)
        if (found) resolve(found[1])
      })
    })
    return this
  }

  async servers() {
    return (await (await fetch(`${this.url}/servers`)).json()).servers
  }

  async server(name) {
    return (await this.servers()).find(it => it.name === name)
  }

  /** A client that calls a tool so many times. */
  async call(name, times) {
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
    const post = async (id, method, params) => {
      const body = JSON.stringify({ jsonrpc: '2.0', id, method, params })
      const answer = await fetch(`${this.url}/${name}`, { method: 'POST', headers, body })
      await answer.text()
      return answer
    }
    const clientInfo = { name: 'test', version: '1' }
    const hello = await post(0, 'initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo })
    headers['mcp-session-id'] = hello.headers.get('mcp-session-id')
    await post(undefined, 'notifications/initialized')
    for (let id = 1; id <= times; id++) await post(id, 'tools/call', { name: 'greet', arguments: { name: 'you' } })
  }

  async end() {
    const ended = new Promise(resolve => this.process.once('exit', resolve))
    this.process.kill()
    await ended
    rmSync(this.folder, { recursive: true })
  }
}
