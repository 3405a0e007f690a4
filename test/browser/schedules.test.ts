import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { launchBrowser } from '../support/browser.ts'
import { openPage } from '../support/open-page.ts'
import { TestServer } from '../support/server.ts'

/** Schedules on a real server, in a real browser. */

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

test('a schedule is created with a preview, ticks, is paused, run, backfilled, edited and deleted', async () => {
  const { page, faults } = await openPage(browser, `${server.url}/schedules`, {
    expected: /status of 4(?:00|04|22)/,
  })
  const button = (name: string) => page.getByRole('button', { name, exact: true })
  await page.getByText('No schedules').waitFor()
  await page.getByRole('link', { name: 'New schedule' }).click()

  const preview = page.getByRole('region', { name: 'Preview' })
  await page.getByLabel('Time zone').fill('America/New_York')
  await page.getByLabel('Cron expression').fill('30 18 * * 5')
  await preview.getByText('At 18:30, only on Friday').waitFor()
  const next = preview.getByRole('listitem')
  await expect.poll(() => next.count()).toBe(10)
  await expect.poll(() => next.first().innerText()).toMatch(/^Fri, .*0?6:30 PM E[DS]T$/)
  await page.getByLabel('Cron expression').fill('0 0 30 2 *')
  await preview.getByText('never occurs').waitFor()
  await button('Interval').click()
  await page.getByLabel('Every').fill('1s')
  await preview.getByText('Every second').waitFor()

  await page.getByLabel('ID').fill('not an id')
  await button('Create schedule').click()
  await page.getByText('must have 1 to 100 letters').first().waitFor()
  await page.getByLabel('ID').fill('sums')
  await page.getByLabel('Description').fill('Adds')
  await page.getByLabel(/^b\b/).fill('40')
  await page.getByLabel('Limits').fill('mail-api=acme\nsmtp')
  await page.getByLabel('Fairness key').fill('tenant')
  await button('Create schedule').click()
  await page.getByText('there is no limit of this name').first().waitFor()
  const api = new Api(server.url)
  for (const name of ['mail-api', 'smtp'])
    await api.call('PUT', `/api/limits/${name}`, {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ concurrency: 5 }),
    })
  await button('Create schedule').click()

  await page.waitForURL(/\/schedules\/sums$/)
  const runs = page.getByRole('list', { name: 'Last runs of sums' }).getByRole('link')
  await runs
    .filter({ has: page.locator('svg') })
    .first()
    .waitFor()
  await page
    .getByRole('link', { name: /^completed, / })
    .first()
    .waitFor()
  await page.getByRole('list', { name: 'Ticks', exact: true }).getByText('Completed').first().waitFor()
  await button('Pause sums').click()
  await page.getByText('Paused by anonymous').waitFor()

  await page
    .getByRole('link', { name: /^completed, / })
    .first()
    .click()
  await page.waitForURL(/\/tasks\//)
  await page.getByRole('link', { name: 'sums', exact: true }).click()
  await page.waitForURL(/\/schedules\/sums$/)
  await button('Run now: sums').click()
  await page.getByText('Submitted').waitFor()

  await button('Backfill sums').click()
  const dialog = page.getByRole('dialog', { name: 'Backfill sums' })
  await dialog.getByLabel('From').fill('2026-01-05T10:00')
  await dialog.getByLabel('Until').fill('2026-01-05T10:01')
  await dialog.getByRole('button', { name: 'Run ticks' }).click()
  await dialog.getByText('61 ticks added').waitFor()
  await dialog.getByRole('button', { name: 'Close' }).last().click()

  await page.getByRole('link', { name: 'Edit sums' }).click()
  expect(await page.getByLabel(/^b\b/).inputValue()).toBe('40')
  expect(await page.getByLabel('Limits').inputValue()).toBe('mail-api=acme\nsmtp')
  expect(await page.getByLabel('Fairness key').inputValue()).toBe('tenant')
  await button('Cron').click()
  await page.getByLabel('Cron expression').fill('@daily')
  await button('Save schedule').click()
  await page.getByText('At 00:00').waitFor()
  await page.getByText('Paused by anonymous').waitFor()
  await button('Resume sums').click()
  await button('Pause sums').waitFor()

  await page.getByRole('navigation').getByRole('link', { name: 'Schedules' }).click()
  const list = page.getByRole('list', { name: 'Schedules' })
  await list.getByText('Adds').waitFor()
  await button('Delete sums').click()
  await button('Delete schedule').click()
  await page.getByText('No schedules').waitFor()
  await page.goto(`${server.url}/schedules/sums`)
  await page.getByText('No schedule has this ID').waitFor()
  expect(faults).toEqual([])
})

test('a week shows the ticks of all schedules by day, and those that tick all the time above', async () => {
  const api = new Api(server.url)
  const schedule = { type: 'add', parameters: { a: 1, b: 2 } }
  const created = [
    { ...schedule, id: 'mondays', cron: '30 9 * * 1' },
    { ...schedule, id: 'quarters', every: '15m' },
    { ...schedule, id: 'paused', cron: '0 9 * * *', paused: true },
  ]
  for (const one of created) expect((await api.post('/api/schedules', one)).status).toBe(201)
  const { page, faults } = await openPage(browser, `${server.url}/schedules`)
  await page.getByRole('link', { name: 'Week', exact: true }).click()
  await page.getByRole('link', { name: 'Next', exact: true }).click()
  const often = page.getByRole('list', { name: 'Many times a day' })
  await often.getByText('Every 15 minutes').waitFor()
  const days = page.locator('main ol > li[aria-label]')
  expect(await days.count()).toBe(7)
  // The browser of the test is in UTC, as these schedules are.
  // This week may be seen until the next one is drawn.
  await expect.poll(() => days.first().innerText()).toMatch(/^Mon, .*\n+0?9:30.*\n*mondays$/)
  expect(await days.nth(1).innerText()).toContain('No ticks')
  expect(await page.getByText('paused', { exact: true }).count()).toBe(0)
  await days.first().getByRole('link', { name: 'mondays' }).click()
  await page.waitForURL(/\/schedules\/mondays$/)
  expect(faults).toEqual([])
  // The page may still be loading them.
  for (const { id } of created) await api.call('DELETE', `/api/schedules/${id}`)
})

test('a key that may only read sees schedules, and nothing to change them', async () => {
  await using closed = await TestServer.start({ env: { FERMATA_ADMIN_KEY: adminKey } })
  const admin = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' }
  const post = (path: string, body: object) =>
    new Api(closed.url).call('POST', path, { headers: admin, body: JSON.stringify(body) })
  await post('/api/schedules', { id: 'sums', type: 'add', parameters: { a: 1, b: 2 }, cron: '@daily' })
  const { body } = await post('/api/keys', { name: 'reader', scopes: ['read'] })
  const { page, faults } = await openPage(browser, closed.url, { expected: /status of 40[13]/ })
  await page.getByLabel('Key').fill((body as { key: string }).key)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('navigation').getByRole('link', { name: 'Schedules' }).click()
  await page.getByRole('link', { name: 'sums' }).click()
  await page.getByText('No ticks yet').waitFor()
  expect(await page.locator('main').getByRole('button').count()).toBe(0)
  await page.goto(`${closed.url}/schedules/sums?edit`)
  await page.getByText('No ticks yet').waitFor()
  expect(await page.locator('main').getByRole('textbox').count()).toBe(0)
  expect(faults).toEqual([])
})
