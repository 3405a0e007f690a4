import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { barriers } from '../support/barriers.ts'
import { launchBrowser } from '../support/browser.ts'
import { openPage } from '../support/open-page.ts'
import { TestServer } from '../support/server.ts'

/** Figures of types, with a real server, in a real browser. */

let browser: Browser
let server: TestServer
let failed: string
beforeAll(async () => {
  browser = await launchBrowser()
  server = await TestServer.start()
  const api = new Api(server.url)
  failed = await api.submit('long', { duration: 900 }, { timeout: 0.3 })
  await api.untilStatus(failed, 'failed')
  for (let index = 0; index < 3; index++)
    await api.untilStatus(await api.submit('add', { a: 1, b: index }), 'completed')
})
afterAll(async () => {
  await browser.close()
  await server[Symbol.asyncDispose]()
})

const table = (page: Page) => page.getByRole('region', { name: 'Types', exact: true })
const names = (page: Page) => table(page).locator('tbody tr td:first-child a').allInnerTexts()
const row = (page: Page, type: string) =>
  table(page)
    .getByRole('row')
    .filter({ has: page.getByRole('link', { name: type, exact: true }) })

test('types are sorted by what they are asked for, which stays in the address', async () => {
  const { page, faults } = await openPage(browser, `${server.url}/types`)
  await expect.poll(() => row(page, 'long').getByRole('cell').nth(4).innerText()).toBe('100%')
  expect(await row(page, 'add').getByRole('cell').nth(4).innerText()).toBe('0%')
  expect(await row(page, 'add').getByRole('cell').nth(3).innerText()).toBe('3')
  expect(await row(page, 'add').getByRole('cell').nth(5).innerText()).toMatch(/s$/)
  expect(await names(page)).toEqual(['add', 'fib', 'long'])
  await page.getByRole('button', { name: 'Failed' }).click()
  await expect.poll(() => names(page)).toEqual(['long', 'add', 'fib'])
  expect(await page.getByRole('columnheader', { name: 'Failed' }).getAttribute('aria-sort')).toBe(
    'descending',
  )
  await page.getByRole('button', { name: 'Failed' }).click()
  await expect.poll(() => names(page)).toEqual(['add', 'long', 'fib'])
  await page.getByRole('button', { name: 'Day' }).click()
  await page.reload()
  await expect.poll(() => names(page)).toEqual(['add', 'long', 'fib'])
  await page.getByRole('button', { name: 'Day', pressed: true }).waitFor()
  expect(await barriers(page)).toEqual([])
  expect(faults).toEqual([])
})

test('a type shows its figures, its run times and its slowest tasks', async () => {
  const { page, faults } = await openPage(browser, `${server.url}/types`)
  await table(page).getByRole('link', { name: 'long', exact: true }).click()
  await page.getByRole('heading', { level: 1, name: 'long' }).waitFor()
  await page.getByText('1 runs an hour, 100% failed').waitFor()
  await page.getByText('No task has completed yet').waitFor()
  const slowest = page.getByRole('region', { name: 'Slowest tasks' }).last()
  await slowest.getByRole('link', { name: failed.slice(-8) }).waitFor()
  await page.getByRole('navigation').getByRole('link', { name: 'Types' }).click()
  await table(page).getByRole('link', { name: 'add', exact: true }).click()
  await page.getByText('3 runs an hour, 0% failed').waitFor()
  const counts = page.getByRole('list', { name: 'Tasks by run time' }).getByRole('listitem')
  await expect.poll(() => counts.count()).toBeGreaterThan(0)
  expect(await barriers(page)).toEqual([])
  await page.goto(`${server.url}/types/nothing`)
  await page.getByText('No type has this name here').waitFor()
  await page.getByText('No task of this type has ended yet').waitFor()
  expect(faults).toEqual([])
})
