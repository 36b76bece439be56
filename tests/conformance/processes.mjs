// Programs that a run needs: each is started, heard, and ended by its own handle.
import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { once } from 'node:events'

const running = new Set()
process.on('exit', () => running.forEach(child => child.kill('SIGKILL')))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))

/** Starts a program whose output goes to a file. */
export function start([command, ...args], log, env = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  child.ended = once(child, 'close').finally(() => running.delete(child))
  child.ended.catch(() => {}) // a program that cannot be started: whoever waits hears of it
  const file = createWriteStream(log)
  child.stdout.pipe(file, { end: false })
  child.stderr.pipe(file, { end: false })
  return child
}

/** The first URL that a program prints, within 20 s. */
export function firstUrl(child) {
  return new Promise((resolve, reject) => {
    let text = ''
    const hear = chunk => {
      const found = /(http:\/\/[\d.]+:\d+\S*)\s/.exec((text += chunk))
      if (found) resolve(found[1])
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.ended.then(() => reject(new Error(`it ended: ${text.slice(-2000)}`)), reject)
    setTimeout(() => reject(new Error(`no address within 20 s: ${text.slice(-2000)}`)), 20_000).unref()
  })
}

/** Waits for a program's end; one that takes longer is killed, and that is an error. */
export async function finish(child, seconds) {
  let late = false
  const deadline = setTimeout(() => {
    ;((late = true), child.kill('SIGKILL'))
  }, seconds * 1000)
  await child.ended.finally(() => clearTimeout(deadline))
  if (late) throw new Error(`${child.spawnfile} was still running after ${seconds} s`)
}

/** Asks a program to end, and waits until it has. */
export async function stop(child) {
  child.kill('SIGTERM')
  await finish(child, 20)
}
