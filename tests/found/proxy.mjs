// The proxy under test: started, asked, stopped.
import { spawn, spawnSync } from 'node:child_process'
import { appendFileSync, rmSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

export class Proxy {
  log = ''

  /** `environment` is all that the proxy itself has. What it logs is kept in `proxy.log` here. */
  constructor(program, folder, state, environment) {
    Object.assign(this, { program, folder, state, environment })
    rmSync('proxy.log', { force: true })
  }

  async start() {
    this.log = ''
    const arguments_ = ['--listen', '127.0.0.1:0', '--servers', this.folder, '--state-dir', this.state]
    this.process = spawn(this.program, arguments_, { env: this.environment, stdio: ['ignore', 'inherit', 'pipe'] })
    this.ended = new Promise(resolve => this.process.on('exit', resolve))
    process.once('exit', () => this.process.kill())
    this.process.stderr.setEncoding('utf8').on('data', text => {
      this.log += text
      appendFileSync('proxy.log', text)
    })
    await this.until(() => /listening on (http:\S+)/.test(this.log), 'listening', 10)
    this.url = this.log.match(/listening on (http:\S+)/)[1]
  }

  async stop() {
    this.process.kill('SIGTERM')
    return this.ended
  }

  /** What the proxy says of each server, by name. */
  async servers() {
    const { servers } = await (await fetch(`${this.url}/servers`)).json()
    return Object.fromEntries(servers.map(server => [server.name, server]))
  }

  /** Asks until the answer is yes, at most for so many seconds. */
  async until(condition, what, seconds) {
    const end = Date.now() + seconds * 1000
    while (!(await condition())) {
      if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`)
      await pause(100)
    }
  }

  /** When each of them was ready or asleep, in ms from now: by name, without those that did not within the time. */
  async readiness(names, seconds) {
    const began = Date.now()
    const after = {}
    const all = async () => {
      const servers = await this.servers()
      for (const name of names) if (servers[name]?.state === 'ready' || servers[name]?.reason === 'asleep') after[name] ??= Date.now() - began
      return names.every(name => after[name] !== undefined)
    }
    await this.until(all, 'ready', seconds).catch(() => {})
    return after
  }

  /** What its log says of a server last. */
  lastLines(name) {
    return this.log
      .split('\n')
      .filter(line => line.includes(` ${name}: `))
      .slice(-5)
      .join('\n')
  }

  /** Where an HTTP server was found last. */
  endpoint(name) {
    return [...this.log.matchAll(new RegExp(` ${name}: speaks HTTP on (\\S+)`, 'g'))].at(-1)?.[1]
  }

  /** How often a server was started. */
  starts(name) {
    return this.log.match(new RegExp(` ${name}: started `, 'g'))?.length ?? 0
  }

  /** `mcp-proxy check`: what was found in each folder, by the folder's name. */
  check() {
    const { stdout, status } = spawnSync(this.program, ['check', '--json', '--servers', this.folder], {
      env: this.environment,
      encoding: 'utf8',
    })
    return { ...JSON.parse(stdout), status, text: stdout }
  }
}
