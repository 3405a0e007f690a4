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
  expect(names.join(' ')).not.toMatch(/Submit|Keys/)
})
