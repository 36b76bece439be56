// Two proxies that share a key, and HAProxy before them by the files that docs/scaling.md shows.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { eventually } from '../runner.mjs'

/** A port that nobody has: a proxy comes back on its own, and HAProxy has to know it before. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** For what takes as long as the machine is busy. */
export const PATIENCE_SECONDS = 60

export const running = new Set()

/** A process that does not outlive this one. */
export function run(command, args, options) {
  const child = spawn(command, args, options)
  running.add(child.once('exit', () => running.delete(child)))
  return child
}

process.on('exit', () => running.forEach(child => child.kill('SIGKILL')))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))

/** A program that can be started again; none is left behind. */
export class Program {
  constructor(command, args, log, env = {}) {
    Object.assign(this, { command, args, log, env })
  }

  async start(isUp) {
    const env = { ...process.env, ...this.env }
    this.process = run(this.command, this.args, { stdio: ['ignore', 'pipe', 'pipe'], env })
    this.gone = once(this.process, 'exit')
    for (const output of [this.process.stdout, this.process.stderr]) {
      output.pipe(createWriteStream(this.log, { flags: 'a' }))
    }
    const settled = async () => this.process.exitCode !== null || (await isUp())
    await eventually(settled, `${this.command} is up`, PATIENCE_SECONDS)
    if (this.process.exitCode !== null) throw new Error(`${this.command} ended:\n${readFileSync(this.log)}`)
  }

  async end(signal = 'SIGKILL') {
    this.process.kill(signal)
    await this.gone
  }
}

export const answers = url =>
  fetch(url).then(
    async response => (await response.arrayBuffer(), response.ok),
    () => false,
  )

export class Site {
  proxies = {}

  /** `servers`: their names, and their keys beside the command. `shared`: both proxies have one state folder. */
  static async start(program, { servers, shared }) {
    const site = new Site()
    site.folder = mkdtempSync(join(tmpdir(), 'scaling-'))
    site.journal = join(site.folder, 'journal')
    writeFileSync(site.journal, '')
    writeFileSync(join(site.folder, 'key'), randomBytes(32).toString('base64'), { mode: 0o600 })
    mkdirSync(join(site.folder, 'servers'))
    for (const name of ['one', 'two']) {
      const state = join(site.folder, shared ? 'state' : `state-${name}`)
      site.proxies[name] = await site.proxy(program, servers, name, state)
    }
    await Promise.all(['one', 'two'].map(name => site.restart(name)))
    return site
  }

  async proxy(program, servers, name, state) {
    const url = `http://127.0.0.1:${await freePort()}`
    const config = join(this.folder, `${name}.toml`)
    const args = [join(import.meta.dirname, 'server.mjs'), this.journal, name]
    const command = `command = "${process.execPath}"\nargs = ${JSON.stringify(args)}`
    const proxy = `listen = "${new URL(url).host}"\nservers = "servers"\nsession_key_file = "key"\nports = "0"`
    const tables = Object.entries(servers).map(([name, keys]) => `[server.${name}]\n${command}\n${keys}\n`)
    writeFileSync(config, `[proxy]\n${proxy}\n${tables.join('')}`)
    return { url, program: new Program(program, ['--config', config, '--state-dir', state], join(this.folder, `${name}.log`)) }
  }

  /** Returns when all its servers have started. */
  async restart(name) {
    const { url, program } = this.proxies[name]
    await program.start(() => answers(`${url}/ready`))
  }

  /** Returns the times before and after: what was in flight in between may have failed. */
  async kill(name) {
    const begun = Date.now()
    await this.proxies[name].program.end()
    return { name, begun, ended: Date.now() + 1 }
  }

  /** HAProxy with a file of docs/scaling.md, which is changed in nothing but its addresses. Returns its URL. */
  async balance(file) {
    const port = await freePort()
    const places = { '127.0.0.1:3000': `127.0.0.1:${port}` }
    places['127.0.0.1:3201'] = new URL(this.proxies.one.url).host
    places['127.0.0.1:3202'] = new URL(this.proxies.two.url).host
    this.admin = places['/run/haproxy/admin.sock'] = join(this.folder, `admin-${port}`)
    await this.haproxy(file, places, port)
    return `http://127.0.0.1:${port}`
  }

  /** `drain`: HAProxy sends this proxy nothing new; `ready`: again. Returns when it has understood. */
  async set(name, state) {
    const socket = connect(this.admin)
    socket.end(`set server proxies/${name} state ${state}\n`)
    assert.equal((await text(socket)).trim(), '')
  }

  /** A proxy with the environment of a container, by this Dockerfile. Returns its URL. */
  async container(program, dockerfile, tokens) {
    const port = await freePort()
    writeFileSync(join(this.folder, 'tokens'), tokens.join('\n') + '\n')
    writeFileSync(join(this.folder, 'session-key'), readFileSync(join(this.folder, 'key')))
    let lines = readFileSync(dockerfile, 'utf8').split('\n').filter(line => line.startsWith('ENV ')).join(' ')
    const places = [[/=\/tmp/g, `=${this.folder}`], [/\/run\/secrets\/mcp-proxy/g, this.folder], [/:8080/, `:${port}`]]
    for (const [place, ours] of places) {
      if (lines.search(place) < 0) throw new Error(`${dockerfile}: ${place} does not stand there`)
      lines = lines.replace(place, ours)
    }
    const pairs = lines.split(' ').filter(word => word.includes('=')).map(word => word.split('='))
    const args = ['--config', join(this.folder, 'one.toml')]
    const proxy = new Program(program, args, join(this.folder, 'container.log'), Object.fromEntries(pairs))
    this.balancers = [...(this.balancers ?? []), proxy]
    await proxy.start(() => answers(`http://127.0.0.1:${port}/ready`))
    return `http://127.0.0.1:${port}`
  }

  async haproxy(file, places, port) {
    let config = readFileSync(file, 'utf8')
    for (const [place, ours] of Object.entries(places)) {
      if (!config.includes(place)) throw new Error(`${file}: ${place} does not stand there`)
      config = config.replace(place, ours)
    }
    const changed = join(this.folder, `haproxy-${port}.cfg`)
    writeFileSync(changed, config)
    const balancer = new Program('haproxy', ['-db', '-f', changed], `${changed}.log`)
    this.balancers = [...(this.balancers ?? []), balancer]
    await balancer.start(() => answers(`http://127.0.0.1:${port}/health`))
  }

  /** What the servers have done: `{ where, what, payload }`. */
  done() {
    const lines = readFileSync(this.journal, 'utf8').split('\n').filter(Boolean)
    return lines.map(line => line.split(' ')).map(([where, what, payload]) => ({ where, what, payload }))
  }

  times(what, payload) {
    return this.done().filter(each => each.what === what && each.payload === payload).length
  }

  async end() {
    const programs = [...(this.balancers ?? []), ...Object.values(this.proxies).map(({ program }) => program)]
    await Promise.all(programs.filter(program => running.has(program.process)).map(program => program.end('SIGTERM')))
    rmSync(this.folder, { recursive: true })
  }
}
