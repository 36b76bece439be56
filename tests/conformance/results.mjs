// What a run of the suite found, and how that differs from the same fixture without the proxy.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** The scenario whose results lie in a folder of the suite's: `server-NAME-TIME`. */
const scenarioOf = folder => folder.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT[\dZ.-]*$/, '')

/** 'scenario :: check' -> { status, message } of a run's folder. A check that occurs several times is numbered. */
export function results(folder) {
  const checks = new Map()
  for (const name of readdirSync(folder).sort()) {
    const file = join(folder, name, 'checks.json')
    if (!existsSync(file)) continue
    const seen = {}
    for (const { id, status, errorMessage } of JSON.parse(readFileSync(file, 'utf8'))) {
      if (!['SUCCESS', 'FAILURE', 'WARNING'].includes(status)) continue
      seen[id] = (seen[id] ?? 0) + 1
      const number = seen[id] > 1 ? ` #${seen[id]}` : ''
      checks.set(`${scenarioOf(name)} :: ${id}${number}`, { status, message: errorMessage ?? '' })
    }
  }
  return checks
}

/**
 * The checks that a run is known to lose, from a file with one of them a line; `#` begins a comment, and says why.
 * `?` before a check: it may be lost or not, both are right.
 */
export function expectations(file) {
  const known = new Set(),
    open = new Set()
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const check = line.replace(/(^|\s)# .*/, '').trim()
    if (check.startsWith('?')) open.add(check.slice(1).trim())
    else if (check) known.add(check)
  }
  return { known, open }
}

/** Checks passed, checks lost as expected, and a line for each that is not as expected. */
export function compare(direct, run, { known, open }) {
  const passes = ([, { status }]) => status === 'SUCCESS'
  const passed = [...run].filter(passes).map(([check]) => check)
  const lost = [...direct]
    .filter(passes)
    .map(([check]) => check)
    .filter(check => run.get(check)?.status !== 'SUCCESS')
  const failedOnlyHere = [...run].filter(entry => !passes(entry) && !direct.has(entry[0])).map(([check]) => check)
  const missing = new Set([...lost, ...failedOnlyHere])
  const why = check => run.get(check)?.message.slice(0, 200) || 'not reached, or without result'
  const surprises = [
    ...[...missing]
      .filter(check => !known.has(check) && !open.has(check))
      .map(check => `LOST    ${check}  # ${why(check)}`),
    ...[...known].filter(check => !missing.has(check)).map(check => `GAINED  ${check}  # take it off the list`),
  ]
  return { passed: passed.length, lost: missing.size, surprises }
}
