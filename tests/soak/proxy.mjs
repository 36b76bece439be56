// The proxy under test: always on the same port, with the same folders.
import { spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

export class Proxy {
  constructor(program, work) {
    Object.assign(this, { program, work, listen: '127.0.0.1:0', lives: 0 })
    process.once('exit', () => this.process?.kill('SIGKILL'))
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
  }

  arguments(...command) {
    const { listen, work } = this
    return [...command, '--listen', listen, '--servers', `${work}/servers`, '--state-dir', `${work}/state`]
  }

  async start() {
    let log = ''
    // What is kept for clients that come back is bounded: the warm-up reaches a small bound.
    const env = { ...process.env, MCP_PROXY_PORTS: '0', MCP_PROXY_LIMITS_REPLAY_BYTES: '100000' }
    this.process = spawn(this.program, this.arguments(), { env, stdio: ['ignore', 'inherit', 'pipe'] })
    const child = this.process
    this.ended = new Promise(resolve => child.on('exit', resolve))
    child.stderr.setEncoding('utf8').on('data', text => {
      log = log.length > 1000 ? log : log + text
      appendFileSync(`${this.work}/log`, text)
    })
    await until(() => log.includes('listening on http://'), 20, 'the proxy listens')
    this.listen = log.match(/listening on http:\/\/(\S+)/)[1]
    this.url = `http://${this.listen}`
    this.lives += 1
  }

  /** Ends it with a signal and starts it again. */
  async again(signal) {
    this.process.kill(signal)
    await this.ended
    await this.start()
  }

  /** One of the program's own commands. */
  async command(...words) {
    const child = spawn(this.program, this.arguments(...words), { stdio: 'ignore' })
    const code = await new Promise(resolve => child.on('exit', resolve))
    if (code !== 0) throw new Error(`mcp-proxy ${words.join(' ')} exits with ${code}`)
  }

  async server(name) {
    const { servers } = await (await fetch(`${this.url}/servers`)).json()
    return servers.find(server => server.name === name)
  }

  async ready(names, seconds) {
    let states
    const all = async () => {
      states = await Promise.all(names.map(async name => `${name} ${(await this.server(name))?.state}`))
      return states.every(state => state.endsWith(' ready'))
    }
    await until(all, seconds, 'all servers are ready').catch(error => {
      throw new Error(`${error.message}: ${states.join(', ')}`)
    })
  }
}

/** Asks until the answer is yes. */
export async function until(condition, seconds, what) {
  const end = performance.now() + seconds * 1000
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${seconds} s: ${what}`)
    await pause(20)
  }
}
