// Proxies, and before them nginx, Caddy and HAProxy by the files that docs/edge.md shows, changed in nothing but their
// addresses and certificates.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Program, answers, freePort, running } from '../scaling/site.mjs'

export const HOST = 'home.example'
/** A silent call lasts so long; the proxy itself would give it up after two minutes. */
const PATIENCE = 'call_idle_seconds = 240'
const SERVER = join(import.meta.dirname, 'server.mjs')
const CERTIFICATES = '/etc/ssl/home.example/'

/** How each is told where things are, and how it is started with the changed file. */
const EDGES = {
  nginx: {
    file: variant => `nginx${variant}.conf`,
    places: port => ({ 'listen 443 ssl': `listen 127.0.0.1:${port} ssl` }),
    start(file, folder) {
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      const paths = temporary.map(kind => `${kind}_temp_path ${folder}/${kind};`).join(' ')
      const main = join(folder, 'nginx.conf')
      const head = `daemon off; master_process off; pid ${folder}/pid; error_log stderr; events {}`
      writeFileSync(main, `${head}\nhttp { access_log off; ${paths} include ${file}; }\n`)
      return ['nginx', ['-p', folder, '-c', main]]
    },
  },
  caddy: {
    file: variant => `Caddyfile${variant}`,
    // By itself it would get a certificate from a public authority.
    places: (port, certificates) => ({
      '\nhome.example {': `\nhttps://home.example:${port} {\n\ttls ${certificates}fullchain.pem ${certificates}privkey.pem`,
    }),
    start(file, folder) {
      const main = join(folder, 'Caddyfile')
      const options = `{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system ${folder}/data\n}`
      writeFileSync(main, `${options}\nimport ${file}\n`)
      return ['env', [`XDG_CONFIG_HOME=${folder}`, 'caddy', 'run', '--adapter', 'caddyfile', '--config', main]]
    },
  },
  haproxy: {
    file: variant => `haproxy${variant}.cfg`,
    places: (port, certificates) => ({
      'bind :443': `bind 127.0.0.1:${port}`,
      '/etc/haproxy/home.example.pem': `${certificates}both.pem`,
    }),
    start: file => ['haproxy', ['-db', '-f', file]],
  },
}
export const kinds = Object.keys(EDGES)

export class Site {
  programs = []

  /** `configurations`: scripts/edge; `certificates`: a folder with fullchain.pem, privkey.pem and both in both.pem. */
  constructor(program, configurations, certificates) {
    Object.assign(this, { program, configurations, certificates: `${certificates}/` })
    this.folder = mkdtempSync(join(tmpdir(), 'edge-'))
    process.on('exit', () => rmSync(this.folder, { recursive: true, force: true })) // also if it is told to end
  }

  /** A server elsewhere, behind TLS. */
  async startFar() {
    const port = await freePort()
    this.far = `https://127.0.0.1:${port}/mcp`
    const listens = () =>
      new Promise(done => {
        const socket = connect(port, '127.0.0.1', () => (socket.destroy(), done(true)))
        socket.on('error', () => done(false))
      })
    await this.run(['env', [`PORT=${port}`, `CERTIFICATES=${this.certificates}`, process.execPath, SERVER]], 'far', listens)
  }

  /** A proxy with a stdio server `pipe`, an HTTP server `web`, and the one elsewhere, `far`. Returns its address. */
  async proxy(name, keys) {
    const address = `127.0.0.1:${await freePort()}`
    const command = `command = "${process.execPath}"\nargs = [${JSON.stringify(SERVER)}]\n${PATIENCE}`
    const config = join(this.folder, `${name}.toml`)
    const servers = `[server.pipe]\n${command}\ntransport = "stdio"\neras = "legacy"\n[server.web]\n${command}\ntransport = "http"\n[server.far]\nurl = "${this.far}"\n`
    writeFileSync(config, `[proxy]\nlisten = "${address}"\nservers = "none"\nports = "0"\n${keys}\n[auth]\nmode = "none"\ni_know_everyone_can_call_my_tools = true\n${servers}`)
    mkdirSync(join(this.folder, 'none'), { recursive: true })
    const authority = `SSL_CERT_FILE=${this.certificates}ca.pem`
    await this.run(['env', [authority, this.program, '--config', config, '--state-dir', join(this.folder, `state-${name}`)]], name, () =>
      answers(`http://${address}/ready`),
    )
    return address
  }

  /** An edge by its file for `variant` ('', '-prefix', '-prefix-stripped') before a proxy. Returns its port. */
  async edge(kind, variant, proxy, isUp) {
    const { file: called, places, start } = EDGES[kind]
    const [port, name] = [await freePort(), called(variant)]
    const folder = join(this.folder, `${name}-${port}`)
    mkdirSync(folder)
    let text = readFileSync(join(this.configurations, name), 'utf8')
    for (const [place, ours] of Object.entries({ ...places(port, this.certificates), '127.0.0.1:3000': proxy })) {
      if (!text.includes(place)) throw new Error(`${name}: ${place} does not stand there`)
      text = text.replaceAll(place, ours)
    }
    const file = join(folder, 'changed')
    writeFileSync(file, text.replaceAll(CERTIFICATES, this.certificates))
    await this.run(start(file, folder), name, () => isUp(port))
    return port
  }

  async run([command, args], name, isUp) {
    const program = new Program(command, args, join(this.folder, `${name}.log`))
    this.programs.unshift(program)
    await program.start(isUp)
  }

  async end() {
    const up = this.programs.filter(program => running.has(program.process))
    await Promise.all(up.map(program => program.end('SIGTERM')))
  }
}
