// The inspector's command line: a process for each request.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { check } from './runner.mjs'

const program = 'node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js'

/** The result of one request; `era`: legacy or auto. */
async function inspect(target, era, method, ...args) {
  const where = Array.isArray(target) ? target : [target, '--transport', 'http']
  const options = ['--method', method, '--protocol-era', era, '--format', 'json', ...args]
  const run = promisify(execFile)(process.execPath, [program, '--cli', ...where, ...options], { timeout: 30_000 })
  const { stdout } = await run.catch(error => {
    if (error.stdout) return error // an isError result ends with its own status
    throw new Error(error.stderr.slice(-500))
  })
  const said = JSON.parse(stdout)
  return said.result ?? said
}

const tool = (target, era, name, args = {}) =>
  inspect(target, era, 'tools/call', '--tool-name', name, '--tool-args-json', JSON.stringify(args))

export async function echo(target, era, message) {
  const { content } = await tool(target, era, 'echo', { message })
  assert.equal(content[0].text, `Echo: ${message}`)
}

export async function inspectorChecks(target, era, name) {
  await check(`${name}: lists`, async () => {
    const { tools } = await inspect(target, era, 'tools/list')
    assert.ok(tools.some(({ name }) => name === 'echo'))
  })
  await check(`${name}: echo keeps every character`, () => echo(target, era, 'é 漢字 🙂 "quoted" \\ \n end'))
  await check(`${name}: structured content`, async () => {
    const { structuredContent } = await tool(target, era, 'get-structured-content', { location: 'New York' })
    assert.equal(structuredContent.conditions, 'Cloudy')
  })
  await check(`${name}: resource, prompt`, async () => {
    const { contents } = await inspect(target, era, 'resources/read', '--uri', 'demo://resource/dynamic/text/7')
    assert.match(contents[0].text, /^Resource 7:/)
    const { messages } = await inspect(
      target,
      era,
      'prompts/get',
      '--prompt-name',
      'args-prompt',
      '--prompt-args',
      'city=Paris',
    )
    assert.equal(messages[0].content.text, "What's weather in Paris?")
  })
  await check(`${name}: wrong arguments are an error`, async () => {
    assert.equal((await tool(target, era, 'get-sum', { a: 'one' })).isError, true)
  })
}
