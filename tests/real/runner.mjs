// Runs checks one after another and counts them; a check that throws has failed.

let passed = 0,
  failed = 0

/** One check, with a deadline: what hangs has failed too. */
export async function check(name, body, seconds = 30) {
  let timer
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing for ${seconds} s`)), seconds * 1000)
  })
  try {
    await Promise.race([body(), deadline])
    passed += 1
    console.log(`ok    ${name}`)
  } catch (error) {
    fail(name, error)
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Checks that share a client: without it they are one failure, and the other groups still run.
 * Left out if the command line names a pattern that its name does not match.
 */
export async function group(name, body) {
  if (!new RegExp(process.argv[3] ?? '').test(name)) return
  try {
    await body(name)
  } catch (error) {
    fail(name, error)
  }
}

function fail(name, error) {
  failed += 1
  console.log(`FAIL  ${name}: ${error.message.split('\n').slice(0, 12).join('\n      ')}`)
}

export function summary() {
  console.log(`${passed} passed, ${failed} failed`)
  process.exit(failed ? 1 : 0)
}

/** Waits until the condition holds. `what` may be a function, asked at the end. */
export async function eventually(condition, what, seconds = 10) {
  const end = Date.now() + seconds * 1000
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`never: ${typeof what === 'function' ? what() : what}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
