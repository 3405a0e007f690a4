import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { launchBrowser } from '../support/browser.ts'
import { openPage } from '../support/open-page.ts'
import { TestServer } from '../support/server.ts'

/** A server that needs a key, in a real browser. */

const adminKey = 'the-key-of-the-administrator-of-this-server'
let browser: Browser
let server: TestServer
beforeAll(async () => {
  browser = await launchBrowser()
  server = await TestServer.start({ env: { FERMATA_ADMIN_KEY: adminKey } })
})
afterAll(async () => {
  await browser.close()
  await server[Symbol.asyncDispose]()
})

let page: Page
const calls: string[] = []
beforeEach(async () => {
  ;({ page } = await openPage(browser, 'about:blank', { expected: /401|403/ }))
  calls.length = 0
  page.on('request', (request) => calls.push(new URL(request.url()).pathname))
  await page.goto(server.url)
})

async function signIn(key: string): Promise<void> {
  await page.getByLabel('Key').fill(key)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

test('asks for a key, once, and refuses a wrong one', async () => {
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await signIn('not-a-key-of-this-server')
  await page.getByText('The key is unknown, was revoked, or has expired').waitFor()
  expect(calls.filter((path) => path === '/api/me')).toHaveLength(2)
  expect(page.url()).not.toContain('not-a-key')
})

test('opens with the key, and issues one that may only read', async () => {
  await signIn(adminKey)
  await page.getByRole('navigation').getByRole('link', { name: 'Keys' }).click()
  await page.getByText('Only the key in the settings of the server is accepted.').waitFor()
  await page.getByLabel('Name').fill('reader')
  await page.getByLabel('read: see tasks and the server').check()
  await page.getByRole('button', { name: 'Create key' }).click()
  const issued = await page.locator('code').filter({ hasText: 'fmt_' }).innerText()
  await page.getByText('1 key', { exact: true }).waitFor()

  // In the tab of the administrator, the key of the administrator stays in use. A new tab has none.
  await page.reload()
  await page.getByText('1 key', { exact: true }).waitFor()
  expect(await page.locator('body').innerText()).not.toContain(issued)
  const { page: other } = await openPage(browser, server.url, { expected: /401|403/ })
  page = other
  await signIn(issued)
  const links = page.getByRole('navigation').getByRole('link')
  await links.filter({ hasText: 'Tasks' }).waitFor()
  const names = await links.allInnerTexts()
  expect(names.join(' ')).not.toMatch(/Submit|Keys|Audit/)
})

test('shows who changed what to administrators, and filters it', async () => {
  const headers = { authorization: `Bearer ${adminKey}` }
  const call = (method: string, path: string, body?: object) =>
    fetch(`${server.url}${path}`, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).then(async (answer) => (await answer.json()) as Record<string, unknown>)
  const ids: string[] = []
  for (let number = 0; number < 110; number++) {
    const draft = { parameters: { a: 1, b: number }, delay: 3_600 }
    ids.push(String((await call('POST', '/api/run/add', draft))['task_id']))
  }
  await call('DELETE', `/api/task/${ids[0]}?reason=wrong%20file`)
  await call('POST', '/api/bulk?wait=60', { action: 'pause', filter: { type: 'add' }, reason: 'lunch' })

  await signIn(adminKey)
  await page.getByRole('navigation').getByRole('link', { name: 'Audit' }).click()
  const row = page.getByRole('row').filter({ hasText: 'lunch' })
  await row.getByText('109 tasks').waitFor()
  const rows = page.getByRole('row')
  expect(await rows.count()).toBe(101)
  await page.getByRole('button', { name: 'Show older entries' }).click()
  await expect.poll(() => rows.count()).toBeGreaterThan(110)

  await page.getByLabel('Action').selectOption('Cancelled')
  await page.waitForURL(/action=task\.cancel/)
  await expect.poll(() => rows.count()).toBe(2)
  await page.reload()
  await page.getByText('wrong file').waitFor()
  await page.getByLabel('Caller').fill('nobody')
  await page.keyboard.press('Enter')
  await page.getByText('No change matches these filters').waitFor()
  await page.getByRole('button', { name: 'Clear filters' }).click()
  await page.getByLabel('Task').fill(ids[0]!)
  await page.keyboard.press('Enter')
  await expect.poll(() => rows.count()).toBe(3)
  await page
    .getByRole('link', { name: `…${ids[0]!.slice(-8)}` })
    .first()
    .click()
  await page.waitForURL(new RegExp(`/tasks/${ids[0]}`))
})
