// Clients that call without a pause, each call with a payload of its own, and the account of what became of them.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { connect, kinds } from '../clients.mjs'
import { eventually } from '../runner.mjs'
import { PATIENCE_SECONDS, run } from './site.mjs'

const PAUSE_MS = 20
/** A client that was told to come back for its answer waits so long for one that nobody has any more. */
const TIMEOUT_MS = 15_000

/** One client of TypeScript. A call that fails is noted, and the next one made: as a program would that does not give up. */
class Worker {
  calls = []
  stopping = new AbortController()

  static async start(kind, url, name) {
    const worker = new Worker()
    worker.peer = await connect(kinds[kind], url)
    worker.ended = worker.run(name)
    return worker
  }

  async run(name) {
    for (let n = 0; !this.stopping.signal.aborted; n++) {
      const call = { payload: `${name}-${n}`, begun: Date.now() }
      try {
        call.answer = await this.peer.text('work', { payload: call.payload, ms: PAUSE_MS }, { timeout: TIMEOUT_MS })
      } catch (error) {
        call.error = error.message
      }
      this.calls.push({ ...call, ended: Date.now() })
    }
  }

  async stop() {
    this.stopping.abort()
    await this.ended
    await this.peer.client.close()
  }
}

/** One client of Python, a process that tells of its calls. */
class PythonWorker {
  calls = []

  static async start(kind, url, name) {
    const worker = new PythonWorker()
    const folder = join(import.meta.dirname, '..')
    const args = ['-W', 'ignore', join(import.meta.dirname, 'load.py'), url, kind, name]
    const options = { stdio: ['pipe', 'pipe', 'ignore'], env: { ...process.env, PYTHONPATH: folder } }
    worker.program = run(join(folder, 'venv/bin/python'), args, options)
    worker.ended = once(worker.program, 'exit')
    createInterface(worker.program.stdout).on('line', line => worker.calls.push(JSON.parse(line)))
    await eventually(() => worker.calls.length > 0, `${kind} in Python calls`, PATIENCE_SECONDS)
    return worker
  }

  async stop() {
    this.program.stdin.end()
    await this.ended
  }
}

let loads = 0

export class Load {
  /** `who`: how many clients of each kind, by language. */
  static async start(url, { typescript, python }) {
    const load = new Load()
    const prefix = `load-${++loads}`
    const start = (language, kinds) =>
      Object.entries(kinds).flatMap(([kind, count]) =>
        Array.from({ length: count }, (_, n) => language.start(kind, url, `${prefix}-${kind}-${n}`.replaceAll(' ', '-'))),
      )
    load.workers = await Promise.all([...start(Worker, typescript), ...start(PythonWorker, python)])
    return load
  }

  /** Waits until each client has had so many more answers. */
  async goesOn(count) {
    const before = this.workers.map(answered)
    const lacking = () => this.workers.filter((worker, n) => answered(worker) < before[n] + count)
    const told = () => `${count} more answers; last errors: ${lacking().map(last).join('; ')}`
    await eventually(() => lacking().length === 0, told, 2 * PATIENCE_SECONDS)
  }

  /** Returns the calls of each client. */
  async stop() {
    await Promise.all(this.workers.map(worker => worker.stop()))
    return this.workers.map(({ calls }) => calls)
  }
}

const answered = ({ calls }) => calls.filter(({ answer }) => answer !== undefined).length
const last = ({ calls }) => calls.findLast(({ error }) => error)?.error ?? 'no error'

/**
 * Each answer is the right one, to what was done once. A call that failed was in flight while a proxy was dying, and
 * was done there or nowhere. (A client may lose a second call to the same death: until the last socket of a killed
 * process is closed, a moment later, its listener takes connections.) Returns the figures.
 */
export function account(clients, done, kills) {
  const places = Map.groupBy(done, ({ payload }) => payload)
  const calls = clients.flat()
  for (const { payload, answer } of calls.filter(({ error }) => error === undefined)) {
    assert.equal(answer, payload)
    assert.equal(places.get(payload)?.length, 1, `${payload} was answered, and done ${places.get(payload)?.length} times`)
  }
  const failed = calls.filter(({ error }) => error !== undefined)
  for (const { payload, begun, ended, error } of failed) {
    const where = (places.get(payload) ?? []).map(({ where }) => where)
    const kill = kills.find(kill => begun <= kill.ended && ended >= kill.begun)
    assert.ok(kill, `${payload} failed while no proxy was killed: ${error}`)
    assert.ok(where.length === 0 || (where.length === 1 && where[0] === kill.name), `${payload} failed, but was done: ${where}`)
  }
  const lost = failed.filter(({ payload }) => places.has(payload))
  return `${clients.length} clients, ${calls.length} calls, ${kills.length} kills: ${failed.length} failed, of which ${lost.length} had begun`
}
