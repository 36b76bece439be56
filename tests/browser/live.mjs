// What happens while somebody looks.
import assert from 'node:assert/strict'
import { check, eventually } from './runner.mjs'
import { HOSTILE } from './site.mjs'
import { visit } from './visit.mjs'

/** Waits until the page says something of this server, from now on. */
const heard = page => page.evaluate(() => {
  window.heard = []
  new MutationObserver(() => window.heard.push(document.getElementById('news').textContent))
    .observe(document.getElementById('news'), { childList: true, characterData: true, subtree: true })
})

async function killed(site, page) {
  await page.evaluate(() => { window.marker = true })
  await heard(page)
  const { restarts, children } = await site.server('notes')
  process.kill(children[0].pid, 'SIGKILL')
  await page.locator('#server-notes [data-label=Restarts]').filter({ hasText: String(restarts + 1) }).waitFor()
  assert.equal(await page.evaluate(() => window.marker), true, 'the page was not loaded again')
}

export async function liveChecks(browser, site) {
  await check('a child is killed, and its row changes by the WebSocket', async () => {
    const sockets = []
    const before = page => page.on('websocket', socket => sockets.push(socket))
    await visit(browser, site.url, { before }, async page => {
      await eventually(() => sockets.length === 1, 'no WebSocket')
      await page.getByText('Connect, tools, log of notes').click()
      await killed(site, page)
      assert.ok(!sockets[0].isClosed())
      assert.ok(await page.locator('#server-notes .inside').isVisible(), 'what was open stays open')
    })
  })
  await check('where no WebSocket comes through, it asks', async () => {
    const before = page => page.routeWebSocket(/health/, socket => socket.close())
    await visit(browser, site.url, { before }, page => killed(site, page))
  })
  await check('what changes is said aloud', async () => {
    await visit(browser, site.url, {}, async page => {
      await heard(page)
      site.add('door', 'echo "no door" >&2; exit 4')
      site.run(['reload', '--listen', new URL(site.url).host])
      await page.locator('#server-door').waitFor()
      await page.waitForFunction(() => window.heard.some(text => text.includes('door is')))
      assert.equal(await page.locator('#server-door .inside').getByText('Claude Code').count(), 1)
    })
  })
  await check('the log, as text whatever is in it', async () => {
    await visit(browser, site.url, {}, async page => {
      await page.getByText('Connect, tools, log of notes').click()
      await page.locator('#server-notes').getByText('Log', { exact: true }).click()
      const log = page.getByRole('log', { name: 'Log of notes' })
      await log.filter({ hasText: HOSTILE }).waitFor()
      assert.equal(await log.locator('*').count(), 0)
      const lines = async () => (await log.innerText()).split('\n').filter(line => line.includes('ready to take notes')).length
      const before = await lines()
      process.kill((await site.server('notes')).children[0].pid, 'SIGKILL')
      await eventually(async () => (await lines()) > before, 'the next child’s lines do not come', 20)
    })
  })
  await check('tools, as text whatever they call themselves, and only when asked for', async () => {
    const asked = []
    const body = JSON.stringify({ tools: [{ name: '<b>x</b>', description: HOSTILE }] })
    const before = page => page.route('**/api/*/tools', route => {
      asked.push(route.request().url())
      return route.fulfill({ body, contentType: 'application/json' })
    })
    await visit(browser, site.url, { before }, async page => {
      await page.getByText('Connect, tools, log of calendar').click()
      assert.deepEqual(asked, [], 'nobody is woken by looking')
      await page.locator('#server-calendar').getByText('Tools', { exact: true }).click()
      const item = page.locator('#server-calendar .tools li')
      assert.equal(await item.innerText(), `<b>x</b> ${HOSTILE}`)
      assert.equal(await item.locator('b, img').count(), 0)
      assert.equal(asked.length, 1)
    })
  })
  await check('the tools that a server has', async () => {
    await visit(browser, site.url, {}, async page => {
      await page.getByText('Connect, tools, log of calendar').click()
      await page.locator('#server-calendar').getByText('Tools', { exact: true }).click()
      await page.locator('#server-calendar .tools li').filter({ hasText: /^greet / }).waitFor()
    })
  })
  await check('a snippet is copied', async () => {
    await visit(browser, site.url, { permissions: ['clipboard-read', 'clipboard-write'] }, async page => {
      await page.getByText('Connect, tools, log of lights').click()
      const server = page.locator('#server-lights')
      for (const [client, part] of [
        ['Claude Code', 'claude mcp add --transport http lights'], ['Claude Desktop', 'mcp-remote'], ['Cursor', '"mcpServers"'],
        ['VS Code', '"type": "http"'], ['Gemini', '"httpUrl"'],
      ]) {
        await server.getByText(client, { exact: true }).click()
        const fold = server.locator('details details').filter({ has: page.getByText(client, { exact: true }) })
        await fold.getByRole('button').click()
        const copied = await page.evaluate(() => navigator.clipboard.readText())
        assert.ok(copied.includes(part) && copied.includes(`${site.url}/lights`), copied)
      }
    })
  })
}
