import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { launchBrowser } from '../support/browser.ts'
import { openPage } from '../support/open-page.ts'
import { TestServer } from '../support/server.ts'

/** Limits on a real server, in a real browser. */

const adminKey = 'the-key-of-the-administrator-of-this-server'
let browser: Browser
let server: TestServer
beforeAll(async () => {
  browser = await launchBrowser()
  server = await TestServer.start()
})
afterAll(async () => {
  await browser.close()
  await server[Symbol.asyncDispose]()
})

test('a limit is created, shows its keys and what it holds back, is changed and deleted', async () => {
  const api = new Api(server.url)
  const { page, faults } = await openPage(browser, `${server.url}/limits`, {
    expected: /status of 4(?:04|22)/,
  })
  const button = (name: string) => page.getByRole('button', { name, exact: true })
  await page.getByText('No limits').waitFor()
  await page.getByRole('link', { name: 'New limit' }).click()
  await page.getByLabel('Name').fill('not a name')
  await page.getByLabel('At once').fill('many')
  await page.getByText('Must be a whole number').waitFor()
  await page.getByLabel('At once').fill('1')
  await button('Create limit').click()
  await page.getByRole('alert').getByText('must have 1 to 100 letters').waitFor()
  await page.getByLabel('Name').fill('mail-api')
  await button('Create limit').click()
  await page.waitForURL(/\/limits\/mail-api$/)
  await page.getByText('1 at once').waitFor()
  await page.getByText('No keys in use').waitFor()

  const long = { duration: 900, steps: 900 }
  const first = await api.submit('long', long, { limits: { 'mail-api': 'acme' } })
  await api.untilStatus(first, 'running')
  const second = await api.submit('long', long, { limits: { 'mail-api': 'acme' } })
  const other = await api.submit('long', long, { limits: { 'mail-api': 'other' } })
  await api.untilStatus(other, 'running')
  const keys = page.getByRole('region', { name: 'Keys' }).getByRole('row')
  const cells = (key: string) => keys.filter({ hasText: key }).getByRole('cell').allInnerTexts()
  await expect.poll(() => cells('acme')).toEqual(['acme', '1 of 1', '1', '', 'Blocked: 1 of 1 slots in use'])
  await expect.poll(() => cells('other')).toEqual(['other', '1 of 1', '0', '', ''])
  await page.getByLabel('Only blocked').check()
  await expect.poll(() => keys.filter({ hasText: 'other' }).count()).toBe(0)
  await keys.filter({ hasText: 'acme' }).waitFor()
  expect(new URL(page.url()).searchParams.has('blocked')).toBe(true)

  await page.getByRole('navigation').getByRole('link', { name: 'Limits' }).click()
  const oldest = page.getByRole('region', { name: 'Oldest queued task' })
  await oldest.getByText('is full: 1 of 1 slots in use').waitFor()
  await oldest.getByRole('link', { name: second.slice(-8) }).click()
  await page.waitForURL(/\/tasks\//)
  const why = page.getByRole('region', { name: 'Why it is waiting' })
  await why.getByRole('link', { name: 'mail-api', exact: true }).click()
  await page.waitForURL(/\/limits\/mail-api\?key=acme$/)
  await expect.poll(() => keys.filter({ hasText: 'other' }).count()).toBe(0)
  await keys.filter({ hasText: 'acme' }).waitFor()

  await page.getByRole('link', { name: 'Change mail-api' }).click()
  await page.getByLabel('At once').fill('5')
  await page.getByLabel('Starts').fill('100')
  await page.getByLabel('Per').fill('1h')
  await button('Save limit').click()
  await page.getByText('5 at once, 100 starts per 1 h').waitFor()
  await api.untilStatus(second, 'running')

  await button('Delete mail-api').click()
  await button('Delete limit').click()
  await page.getByText('No limits').waitFor()
  await page.goto(`${server.url}/limits/mail-api`)
  await page.getByText('No limit has this name').waitFor()
  expect(faults).toEqual([])
})

test('a key that may only read sees limits, and nothing to change them', async () => {
  await using closed = await TestServer.start({ env: { FERMATA_ADMIN_KEY: adminKey } })
  const admin = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' }
  const call = (method: string, path: string, body: object) =>
    new Api(closed.url).call(method, path, { headers: admin, body: JSON.stringify(body) })
  await call('PUT', '/api/limits/mail-api', { concurrency: 3 })
  const { body } = await call('POST', '/api/keys', { name: 'reader', scopes: ['read'] })
  const { page, faults } = await openPage(browser, closed.url, { expected: /status of 40[13]/ })
  await page.getByLabel('Key').fill((body as { key: string }).key)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('navigation').getByRole('link', { name: 'Limits' }).click()
  await page.getByRole('link', { name: 'mail-api' }).click()
  await page.getByText('No keys in use').waitFor()
  expect(await page.locator('main').getByRole('button').count()).toBe(0)
  for (const path of ['/limits/mail-api?edit', '/limits?new']) {
    await page.goto(`${closed.url}${path}`)
    await page.getByText('3 at once').waitFor()
    expect(await page.getByRole('button', { name: /limit$/ }).count()).toBe(0)
  }
  expect(faults).toEqual([])
})
