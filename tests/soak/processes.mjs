// What /proc tells of processes.
import { readFileSync, readdirSync } from 'node:fs'

/** Memory of its own in kB (pages of the program come and go), threads and descriptors; undefined if it is not there. */
export function usage(pid) {
  const status = read(`/proc/${pid}/status`)
  const number = name => Number(status.match(new RegExp(`^${name}:\\s+(\\d+)`, 'm'))?.[1])
  return { memory: number('RssAnon'), threads: number('Threads'), descriptors: readdirSync(`/proc/${pid}/fd`).length }
}

/** The processes whose environment has this variable: those that the proxy under test started. */
export function marked(variable) {
  const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name))
  return pids.filter(pid => read(`/proc/${pid}/environ`).split('\0').includes(variable)).map(Number)
}

function read(path) {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return '' // it has ended meanwhile
  }
}
