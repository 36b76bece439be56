// The page that asks, in Chromium: what a person does and sees there.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { chromium } from 'playwright-core'
import { check } from '../runner.mjs'
import { PASSWORD } from './owner.mjs'

const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
const PHONE = { width: 320, height: 568 }

/** A client on this machine: it listens, and leads on as hosted ones do. */
async function listen() {
  const arrived = []
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://localhost')
    if (url.pathname === '/callback') {
      arrived.push({ url, referer: request.headers.referer })
      response.writeHead(302, { location: '/done' }).end()
    } else response.writeHead(200, { 'content-type': 'text/html' }).end('<title>Done</title><link rel="icon" href="data:,">')
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return { arrived, server, redirect: `http://127.0.0.1:${server.address().port}/callback` }
}

async function address(url, redirect, name) {
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ redirect_uris: [redirect], client_name: name })
  const client = await (await fetch(`${url}/register`, { method: 'POST', headers, body })).json()
  const query = { response_type: 'code', client_id: client.client_id, redirect_uri: redirect, state: 'x' }
  Object.assign(query, { code_challenge: CHALLENGE, code_challenge_method: 'S256', resource: `${url}/hello` })
  return `${url}/authorize?${new URLSearchParams(query)}`
}

/** A page of its own for each check, and everything the browser complains about. */
async function visit(browser, where, options, body) {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const complaints = []
  page.on('console', message => complaints.push(message.text()))
  page.on('pageerror', error => complaints.push(error.message))
  page.on('requestfailed', request => complaints.push(`${request.url()}: ${request.failure().errorText}`))
  try {
    await page.goto(where)
    await body(page, complaints)
  } finally {
    await context.close()
  }
}

/** A browser puts the cursor into a field when it first draws the page, which may be after it is loaded. */
async function cursor(page) {
  await page.waitForFunction(() => document.activeElement.id === 'password')
}

async function shot(page, name) {
  const folder = process.env.SCREENSHOTS
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true })
}

async function pageChecks(browser, url, client, scheme) {
  const dark = { colorScheme: scheme }
  const where = name => address(url, client.redirect, name)
  await check(`Chromium, ${scheme}: allow, and the browser ends at the client`, async () => {
    await visit(browser, await where('Notes on my phone'), dark, async (page, complaints) => {
      await cursor(page)
      await shot(page, `consent-${scheme}`)
      await page.getByLabel(/^Password of/).fill(PASSWORD)
      await page.getByRole('button', { name: 'Allow' }).click()
      await page.waitForURL('**/done')
      const { url: said, referer } = client.arrived.pop()
      assert.ok(said.searchParams.get('code') && said.searchParams.get('state') === 'x')
      assert.equal(referer, undefined)
      assert.deepEqual(complaints, [])
    })
  })
  await check(`Chromium, ${scheme}: the keyboard alone, and Enter allows`, async () => {
    await visit(browser, await where('Keys'), dark, async page => {
      await cursor(page)
      await page.keyboard.type(PASSWORD)
      await page.keyboard.press('Enter')
      await page.waitForURL('**/done')
      assert.ok(client.arrived.pop().url.searchParams.get('code'))
    })
  })
  await check(`Chromium, ${scheme}: deny`, async () => {
    await visit(browser, await where('Nobody'), dark, async (page, complaints) => {
      await page.getByRole('button', { name: 'Deny' }).click()
      await page.waitForURL('**/done')
      const { searchParams } = client.arrived.pop().url
      assert.equal(searchParams.get('error'), 'access_denied')
      assert.equal(searchParams.get('code'), null)
      assert.deepEqual(complaints, [])
    })
  })
  await check(`Chromium, ${scheme}: a wrong password says so, then the right one does`, async () => {
    await visit(browser, await where('Wrong'), dark, async page => {
      await page.getByLabel(/^Password of/).fill('not that one')
      await page.getByRole('button', { name: 'Allow' }).click()
      assert.equal(await page.getByRole('alert').innerText(), 'That is not the password.')
      const field = page.getByLabel(/^Password of/)
      assert.equal(await field.inputValue(), '')
      assert.equal(await field.getAttribute('aria-describedby'), 'problem')
      await shot(page, `wrong-${scheme}`)
      await field.fill(PASSWORD)
      await page.getByRole('button', { name: 'Allow' }).click()
      await page.waitForURL('**/done')
      client.arrived.pop()
    })
  })
  await check(`Chromium, ${scheme}: it fits a small phone, whatever the client calls itself`, async () => {
    const name = 'W'.repeat(60)
    await visit(browser, await where(name), { ...dark, viewport: PHONE, isMobile: true }, async (page, complaints) => {
      await shot(page, `phone-${scheme}`)
      const { width, tall } = await page.evaluate(() => ({
        width: document.documentElement.scrollWidth,
        tall: [...document.querySelectorAll('button, input[type=password]')].map(it => it.getBoundingClientRect().height),
      }))
      assert.ok(width <= PHONE.width, `${width} wide`)
      assert.ok(tall.every(height => height >= 44), `${tall}`)
      assert.deepEqual(complaints, [])
    })
  })
}

async function trustChecks(browser, url, client) {
  await check('Chromium: an unknown client leads nowhere', async () => {
    const strange = (await address(url, client.redirect, 'x')).replace(/redirect_uri=[^&]+/, 'redirect_uri=https%3A%2F%2Fevil.example')
    await visit(browser, strange, {}, async page => {
      assert.equal(await page.getByRole('heading').innerText(), 'No access')
      assert.equal(new URL(page.url()).origin, url)
      await shot(page, 'no-access')
    })
  })
  await check('Chromium: no page may frame it', async () => {
    const framed = await address(url, client.redirect, 'x')
    await visit(browser, `${client.redirect.replace('/callback', '/frame')}`, {}, async (page, complaints) => {
      await page.evaluate(source => {
        const frame = document.createElement('iframe')
        frame.src = source
        document.body.append(frame)
        return new Promise(resolve => (frame.onload = resolve))
      }, framed)
      assert.equal(await page.frames()[1].getByLabel(/^Password of/).count().catch(() => 0), 0)
      assert.ok(complaints.some(text => text.includes('frame-ancestors')), complaints.join())
    })
  })
}

export async function browserChecks(url) {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  const client = await listen()
  try {
    for (const scheme of ['light', 'dark']) await pageChecks(browser, url, client, scheme)
    await trustChecks(browser, url, client)
  } finally {
    client.server.close()
    await browser.close()
  }
}
