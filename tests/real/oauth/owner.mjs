// The owner and a browser without a screen: reads the page that asks, answers it, and says where that leads.
import assert from 'node:assert/strict'

export const PASSWORD = 'correct horse battery'

/** The address that the owner's answer leads to. */
export async function answer(url, word = 'allow', password = PASSWORD) {
  const page = await fetch(url, { redirect: 'manual' })
  const text = await page.text()
  assert.equal(page.status, 200, text)
  const request = text.match(/name="request" value="([^"]+)"/)[1]
  const action = new URL(text.match(/action="([^"]+)"/)[1], url)
  const body = new URLSearchParams({ request, username: 'owner', password, answer: word })
  const origin = new URL(url).origin
  const answered = await fetch(action, { method: 'POST', body, headers: { origin }, redirect: 'manual' })
  assert.equal(answered.status, 303, await answered.text())
  return new URL(answered.headers.get('location'))
}

/** The same, and the browser goes there: to a client that listens on this machine. */
export async function allow(url) {
  const arrived = await fetch(await answer(url))
  assert.equal(arrived.status, 200, await arrived.text())
}
