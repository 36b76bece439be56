// What it looks like, and whether everybody can read it.
import assert from 'node:assert/strict'
import { check } from './runner.mjs'
import { DESK, PHONE, SMALL, accessible, fits, shot, visit } from './visit.mjs'

export async function lookChecks(browser, site, empty) {
  for (const colorScheme of ['light', 'dark']) {
    for (const [kind, viewport] of [['desk', DESK], ['phone', PHONE], ['small', SMALL]]) {
      await check(`${kind}, ${colorScheme}: it fits, and nothing stands in anybody's way`, async () => {
        await visit(browser, site.url, { colorScheme, viewport, isMobile: kind !== 'desk' }, async page => {
          assert.match(await page.locator('#summary').innerText(), /1 of 4 servers needs attention/)
          await fits(page, viewport.width)
          await shot(page, `status-${kind}-${colorScheme}`)
          await accessible(page)
          await page.getByText('Connect, tools, log of notes').click()
          for (const name of ['Cursor', 'Log']) await page.locator('#server-notes').getByText(name, { exact: true }).click()
          await page.locator('#server-notes [role=log]').getByText('ready to take notes').waitFor()
          await fits(page, viewport.width)
          await shot(page, `open-${kind}-${colorScheme}`)
          await accessible(page)
        })
      })
    }
  }
  await check('what is wrong comes first, with the reason and what to do', async () => {
    await visit(browser, site.url, {}, async page => {
      const section = page.getByRole('region', { name: 'Needs attention' })
      const text = await section.innerText()
      for (const part of ['weather', 'WEATHER_API_KEY is not set', 'restart it']) assert.ok(text.includes(part), text)
      const [above, table] = await Promise.all([section.boundingBox(), page.getByRole('table').boundingBox()])
      assert.ok(above.y < table.y)
    })
  })
  await check('a screen reader hears a table, on a phone too', async () => {
    for (const viewport of [DESK, PHONE]) {
      await visit(browser, site.url, { viewport }, async page => {
        const row = page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: /^lights/ }) })
        assert.equal(await row.getByRole('cell').count(), 12)
        assert.equal(await page.getByRole('columnheader').count(), 13)
        assert.equal(await row.getByRole('cell').first().innerText().then(text => text.trim()), 'ready')
      })
    }
  })
  await check('an empty folder shows how to add the first server', async () => {
    for (const viewport of [DESK, SMALL]) {
      await visit(browser, empty.url, { viewport }, async page => {
        await page.getByRole('heading', { name: 'Add your first server' }).waitFor()
        await fits(page, viewport.width)
        await accessible(page)
        await shot(page, `empty-${viewport.width}`)
      })
    }
  })
  await check('without scripts it is complete', async () => {
    await visit(browser, site.url, { javaScriptEnabled: false }, async page => {
      assert.equal(await page.getByRole('rowheader').count(), 4)
      await page.getByText('Connect, tools, log of lights').click()
      await page.locator('#server-lights').getByText('Claude Code').click()
      assert.ok(await page.getByText(`claude mcp add --transport http lights ${site.url}/lights`).isVisible())
      assert.equal(await page.locator('button.copy:visible').count(), 0)
    })
  })
}
