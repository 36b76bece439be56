// Signing in, and the buttons: by mouse, by keyboard, without scripts.
import assert from 'node:assert/strict'
import { check, eventually } from './runner.mjs'
import { PASSWORD } from './site.mjs'
import { PHONE, accessible, fits, shot, signIn, visit } from './visit.mjs'

const focus = page => page.evaluate(() => {
  const it = document.activeElement
  const { outlineStyle, outlineWidth } = getComputedStyle(it)
  return { text: it.innerText ?? '', seen: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 }
})

/** Tabs on until that has the focus; all that it passes can be seen to have it. */
async function tabTo(page, text) {
  for (let steps = 0; steps < 80; steps++) {
    await page.keyboard.press('Tab')
    const now = await focus(page)
    if (now.text) assert.ok(now.seen, `no focus to be seen on ${now.text}`)
    if (now.text.replace(/\s+/g, ' ').trim().startsWith(text)) return
  }
  throw new Error(`the keyboard never came to ${text}`)
}

async function restarted(site, name, press) {
  const { pid } = (await site.server(name)).children[0]
  await press()
  await eventually(async () => {
    const server = await site.server(name)
    return server.state === 'ready' && server.children[0]?.pid !== pid
  }, `${name} was not restarted`, 20)
}

export async function commandChecks(browser, site) {
  await check('a wrong password says so, the right one signs in, and sign out ends it', async () => {
    await visit(browser, site.url, {}, async (page, complaints) => {
      await page.getByRole('link', { name: /^Sign in/ }).click()
      await accessible(page)
      await page.getByLabel('Password, or a token').fill('not that one')
      await page.getByRole('button', { name: 'Sign in' }).click()
      assert.match(await page.getByRole('alert').innerText(), /neither the password/)
      await accessible(page)
      await page.getByLabel('Password, or a token').fill(PASSWORD)
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.getByRole('button', { name: 'Sign out' }).waitFor()
      assert.equal(await page.evaluate(() => document.cookie), '', 'no script sees the cookie')
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.getByRole('link', { name: /^Sign in/ }).waitFor()
      assert.equal(await page.getByRole('button', { name: /^Restart/ }).count(), 0)
      // The browser reports the answer 403 to the wrong password.
      assert.ok(complaints.splice(0).every(text => text.includes('403')))
    })
  })
  await check('a link of “mcp-proxy login” signs in', async () => {
    await visit(browser, site.url, {}, async page => {
      const link = site.run(['login', '--listen', new URL(site.url).host]).trim()
      await page.goto(link)
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.getByRole('button', { name: 'Sign out' }).waitFor()
      assert.equal(page.url(), `${site.url}/`)
    })
  })
  await check('restart by mouse, and the page stays where it is', async () => {
    await visit(browser, site.url, {}, async page => {
      await signIn(page)
      await page.evaluate(() => { window.marker = true })
      await restarted(site, 'lights', () => page.getByRole('button', { name: 'Restart lights' }).click())
      assert.equal(await page.evaluate(() => window.marker), true)
      await fits(page, 1280)
      await accessible(page)
      await shot(page, 'signed-in')
    })
  })
  await check('restart by keyboard alone', async () => {
    await visit(browser, site.url, {}, async page => {
      await tabTo(page, 'Sign in')
      await page.keyboard.press('Enter')
      await page.waitForFunction(() => document.activeElement?.id === 'password')
      await page.keyboard.type(PASSWORD)
      await page.keyboard.press('Enter')
      await page.getByRole('button', { name: 'Sign out' }).waitFor()
      await tabTo(page, 'Restart lights')
      await restarted(site, 'lights', () => page.keyboard.press('Enter'))
      assert.match((await focus(page)).text, /Restart/, 'the focus stays on the button')
      await tabTo(page, 'Connect, tools, log of lights')
      await page.keyboard.press('Enter')
      await page.locator('#server-lights').getByText('Claude Code').waitFor()
    })
  })
  await check('stop and start, without scripts, on a phone', async () => {
    await visit(browser, site.url, { javaScriptEnabled: false, viewport: PHONE }, async page => {
      await signIn(page)
      await page.getByRole('button', { name: 'Stop lights' }).click()
      await eventually(async () => (await site.server('lights')).state === 'stopped', 'it does not stop')
      await page.reload()
      await page.getByRole('button', { name: 'Start lights' }).click()
      await eventually(async () => (await site.server('lights')).state === 'ready', 'it does not start')
      assert.equal(page.url(), `${site.url}/`)
      const low = await page.locator('button:visible').evaluateAll(all => all.filter(it => it.getBoundingClientRect().height < 44).length)
      assert.equal(low, 0, 'a finger is 44 pixels wide')
    })
  })
}
