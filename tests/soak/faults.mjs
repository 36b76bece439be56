// What goes wrong, by chance. Each fault tells the tally whom it may cost a call, and for how long.
import { connect as dial } from 'node:net'
import { utimesSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from './proxy.mjs'

const GARBAGE = [
  'GET / HTTP/1.1\nHost: x\n\n',
  'POST /fake HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  'POST /fake HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999999\r\n\r\n{"jsonrpc"',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
]

/** A socket that says `text` and is closed after a time. */
async function say(listen, text, ms) {
  const [host, port] = listen.split(':')
  const socket = dial(Number(port), host)
  socket.on('error', () => {}).on('data', () => {})
  socket.write(text)
  await pause(ms)
  socket.destroy()
}

/** Faults of the children and of clients, and those of the proxy itself. */
export function faults({ proxy, tally, chance, names, clients, work }) {
  const unique = () => `cut ${chance.below(2 ** 30)}`
  const child = async name => chance.pick((await proxy.server(name))?.children ?? [])?.pid

  /** A signal that ends a child: its calls fail until it is seen to be gone. */
  const end = signal => async kind => {
    const name = chance.pick(names)
    const pid = await child(name)
    if (!pid) return
    const over = tally.begin(kind, [name])
    process.kill(pid, signal)
    const isGone = async () => ((await proxy.server(name))?.children ?? []).every(child => child.pid !== pid)
    await until(isGone, 30, `${name} is seen to have ended`)
    over()
  }

  const over = async (kind, scope, work) => {
    const end = tally.begin(kind, scope)
    await work()
    end()
  }

  const plain = chance => chance.pick(clients.filter(client => client.leave && !client.modern))

  const ofAll = {
    'child: kill -9': end('SIGKILL'),
    'child: SIGTERM': end('SIGTERM'),
    // Calls wait; none may fail.
    'child: stopped for a while': async () => {
      const pid = await child(chance.pick(names))
      if (!pid) return
      process.kill(pid, 'SIGSTOP')
      await pause(1500)
      process.kill(pid, 'SIGCONT')
    },
    'proxy: SIGHUP, nothing changed': async () => proxy.process.kill('SIGHUP'),
    'proxy: SIGHUP, a server changed': async kind => {
      const before = await proxy.server('changing')
      await over(kind, ['changing'], async () => {
        writeFileSync(`${work}/servers/changing/.env`, `CHANGE=${chance.below(2 ** 30)}\n`)
        proxy.process.kill('SIGHUP')
        const pids = async () => ((await proxy.server('changing'))?.children ?? []).map(child => child.pid)
        const old = before.children.map(child => child.pid)
        await until(async () => (await pids()).every(pid => !old.includes(pid)), 30, 'the changed server is restarted')
      })
    },
    'proxy: SIGHUP, a touched file': async () => {
      utimesSync(`${work}/servers/changing/server.toml`, new Date(), new Date())
      proxy.process.kill('SIGHUP')
    },
    'mcp-proxy restart NAME': async kind => {
      const name = chance.pick(names)
      await over(kind, [name], () => proxy.command('restart', name))
    },
    'client: leaves in mid-call': async () => {
      tally.cut += 1
      await plain(chance).leave(unique())
    },
    'client: stops reading': async () => plain(chance).stall(1500),
    'client: 200 connections': async () => {
      const text = ['', 'GET /health HTT', 'POST /fake HTTP/1.1\r\nHost: h\r\n']
      await Promise.all(Array.from({ length: 200 }, (_, n) => say(proxy.listen, text[n % 3], 500)))
    },
    'client: garbage': async () => say(proxy.listen, chance.pick(GARBAGE), 200),
  }
  const ofProxy = {
    'proxy: kill -9 and started again': kind => over(kind, '*', () => proxy.again('SIGKILL')),
    'proxy: SIGTERM and started again': kind => over(kind, '*', () => proxy.again('SIGTERM')),
  }
  return { ofAll, ofProxy }
}
