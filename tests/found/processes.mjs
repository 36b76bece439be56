// What /proc tells of a process and all that it started.
import { readdirSync, readFileSync } from 'node:fs'

const read = (pid, file) => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return '' // it has ended meanwhile
  }
}

/** The name before the parent may hold spaces and parentheses. */
const parentOf = pid =>
  Number(
    read(pid, 'stat')
      .replace(/^.*\) /s, '')
      .split(' ')[1],
  )

/** The process itself and everything below it. */
export function tree(root) {
  const parents = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(name => [Number(name), parentOf(name)])
  const below = pid => [pid, ...parents.filter(([, parent]) => parent === pid).flatMap(([child]) => below(child))]
  return below(root)
}

/** The environment that a process was started with, as an object. */
export function environment(pid) {
  const pairs = read(pid, 'environ').split('\0').filter(Boolean)
  return Object.fromEntries(pairs.map(pair => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
}
