// What was asked, what came of it, and whether a fault explains what failed.

/** A fault is over some time before everyone has noticed. In ms. */
const NOTICED = 500
/** A plain call in flight fails at once: it is not left to a deadline. In ms; the machine may be busy. */
const AT_ONCE = 3000

export class Tally {
  answered = 0
  cut = 0
  explained = 0
  /** By kind of fault: how often, and how many calls it failed. */
  faults = new Map()
  /** What no fault explains, and answers that are wrong. */
  wrong = []
  windows = []

  /** A fault begins. `scope`: names of the servers it hits, or `*`. Returns what ends it. */
  begin(kind, scope) {
    const window = { kind, scope, from: performance.now(), to: Infinity }
    this.windows.push(window)
    return () => (window.to = performance.now())
  }

  count(kind) {
    this.faults.set(kind, { times: 0, failed: 0, ...this.faults.get(kind) })
    this.faults.get(kind).times += 1
  }

  /** A call failed that began then. A patient client (an SDK) may try to go on before it tells. */
  failed(server, began, error, patient) {
    const now = performance.now()
    const since = patient ? began : Math.max(began, now - AT_ONCE)
    const hits = ({ scope, from, to }) => (scope === '*' || scope.includes(server)) && from <= now && to + NOTICED >= since
    const window = this.windows.findLast(hits)
    if (!window) return this.mistake(`${server}: no fault explains ${describe(error)} after ${Math.round(now - began)} ms`)
    this.explained += 1
    this.faults.get(window.kind).failed += 1
  }

  mistake(text) {
    this.wrong.push(`${new Date().toISOString().slice(11, 23)} ${text}`)
    if (this.wrong.length <= 50) console.log(`WRONG ${this.wrong.at(-1)}`)
  }

  report() {
    for (const [kind, { times, failed }] of [...this.faults].sort())
      console.log(`${kind.padEnd(34)} ${String(times).padStart(4)} times ${String(failed).padStart(5)} calls failed`)
    console.log(
      `${this.answered} answers right, ${this.explained} calls in flight at a fault failed, ` +
        `${this.cut} cut by their client, ${this.wrong.length} wrong`,
    )
  }
}

function describe(error) {
  const cause = error.cause?.code ?? error.code ?? ''
  return `"${String(error.message).slice(0, 300)}" ${cause}`.trim()
}
