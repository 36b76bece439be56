// A page of its own for each check, and everything that the browser complains about.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { PASSWORD } from './site.mjs'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export const DESK = { width: 1280, height: 800 }
export const PHONE = { width: 390, height: 844 }
export const SMALL = { width: 320, height: 568 }

/** `body` gets the page; afterwards nothing may have been complained about or asked of others. */
export async function visit(browser, url, { before, ...options }, body) {
  const context = await browser.newContext({ viewport: DESK, ...options })
  const page = await context.newPage()
  const complaints = []
  page.on('console', message => complaints.push(message.text()))
  page.on('pageerror', error => complaints.push(error.message))
  page.on('request', request => {
    if (!request.url().startsWith(`${url}/`) && !request.url().startsWith('data:')) complaints.push(`asked elsewhere: ${request.url()}`)
  })
  try {
    if (before) await before(page)
    await page.goto(`${url}/`)
    await body(page, complaints)
    assert.deepEqual(complaints, [])
  } finally {
    await context.close()
  }
}

export async function signIn(page) {
  await page.getByRole('link', { name: /^Sign in/ }).click()
  await page.getByLabel('Password, or a token').fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
}

/** Nothing that a screen reader or the keyboard stumbles over (WCAG 2.2 AA, and what axe thinks is good). */
export async function accessible(page) {
  // The page's own policy keeps the tool out; a debugger may bring it in.
  const session = await page.context().newCDPSession(page)
  await session.send('Runtime.evaluate', { expression: axe })
  const { result } = await session.send('Runtime.evaluate', {
    expression: 'axe.run().then(found => JSON.stringify(found.violations.map(it => [it.id, it.nodes.map(node => node.html.slice(0, 120))])))',
    awaitPromise: true,
  })
  assert.deepEqual(JSON.parse(result.value), [])
}

export async function fits(page, width) {
  const wide = await page.evaluate(() => ({
    page: document.documentElement.scrollWidth,
    out: [...document.querySelectorAll('body *')]
      .filter(it => !it.closest('.away, thead') && it.getBoundingClientRect().right > innerWidth + 1)
      .map(it => it.outerHTML.slice(0, 100)),
  }))
  assert.ok(wide.page <= width, `${wide.page} wide`)
  assert.deepEqual(wide.out, [])
}

export async function shot(page, name) {
  const folder = process.env.SCREENSHOTS
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true })
}
