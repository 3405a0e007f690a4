import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { launchBrowser, patience } from '../support/browser.ts'
import { openPage } from '../support/open-page.ts'
import { TestServer } from '../support/server.ts'

/** Enough tasks to make requests of the page slow. */
const crowd = 100_000

let browser: Browser
let server: TestServer
let api: Api
beforeAll(async () => {
  browser = await launchBrowser()
  server = await TestServer.start({ env: { FERMATA_MAX_CONCURRENT: '0' } })
  api = new Api(server.url)
  const batch = { tasks: Array.from({ length: 10_000 }, (_, b) => ({ parameters: { a: 1, b } })) }
  for (let rest = crowd; rest > 0; rest -= 10_000) await api.post('/api/run/add/batch', batch)
})
afterAll(async () => {
  await browser.close()
  await server[Symbol.asyncDispose]()
})

/** Chooses an action on all matching tasks; returns the confirmation dialog. */
async function choose(page: Page, name: string) {
  const actions = page.getByRole('toolbar', { name: 'Actions' })
  await actions.getByRole('button', { name: `${name}…` }).click()
  return page.getByRole('dialog')
}

test('the table renders few of many tasks, and more as it is scrolled; a key leads back', async () => {
  const { page, faults } = await openPage(browser, `${server.url}/tasks`)
  const rows = page.getByRole('grid', { name: 'Tasks' }).getByRole('row')
  await expect.poll(() => rows.count(), { timeout: patience }).toBeGreaterThan(10)
  const last = async () => Number(await rows.last().getAttribute('aria-rowindex'))
  while ((await last()) < 1_000) await page.mouse.wheel(0, 3_000)
  expect(await rows.count()).toBeLessThan(60)
  let before = -1
  const isAtRest = async () => {
    const [there, present] = [before, await page.evaluate<number>('scrollY')]
    before = present
    return there === present
  }
  await expect.poll(isAtRest, { timeout: patience, interval: 300 }).toBe(true)
  await page.keyboard.press('Home')
  await expect.poll(() => rows.nth(1).getAttribute('aria-rowindex'), { timeout: patience }).toBe('2')
  const cursor = () => page.getByRole('grid', { name: 'Tasks' }).getAttribute('aria-activedescendant')
  expect(await cursor()).toBe('row-0')
  await page.keyboard.press('j')
  await expect.poll(cursor, { timeout: patience }).toBe('row-1')
  expect(faults).toEqual([])
})

test('a limited search says so, even if it has found nothing', async () => {
  const { page } = await openPage(browser, `${server.url}/tasks?q=nowhere`)
  await page.getByText('No match in the newest 10,000 tasks').waitFor()
  await page.getByRole('combobox', { name: 'Search' }).fill('"b":999')
  await page.getByText('Search covers only the newest 10,000').waitFor()
})

test('a search that returns small portions continues automatically', async () => {
  const { page } = await openPage(browser, `${server.url}/`)
  await page.route('**/api/tasks?*', (route, request) =>
    route.continue({ url: request.url().replace('limit=100', 'limit=3') }),
  )
  await page.goto(`${server.url}/tasks?q=${encodeURIComponent('"b":999')}`)
  await page.getByText('Search covers only the newest 10,000').waitFor()
  expect(await page.getByRole('grid', { name: 'Tasks' }).getByRole('row').count()).toBe(12)
})

/**
 * Makes the server answer a count at once with the number so far, and shows it to the page until it may end: a fast server or
 * a slow browser would skip that.
 */
async function countsSoFar(page: Page): Promise<() => void> {
  let mayEnd = false
  await page.route('**/api/bulk?*', (route, request) =>
    route.continue({ url: request.url().replace(/wait=[\d.]+/, 'wait=0') }),
  )
  await page.route('**/api/operations/*', async (route, request) => {
    if (request.method() !== 'GET' || mayEnd) return route.continue()
    const answer = await route.fetch()
    const operation = (await answer.json()) as object
    await route.fulfill({ json: { ...operation, status: 'running' } })
  })
  return () => (mayEnd = true)
}

test('counting shows the number so far, and the action is offered only for the full number', async () => {
  const { page } = await openPage(browser, `${server.url}/tasks`)
  const end = await countsSoFar(page)
  const dialog = await choose(page, 'Pause')
  await dialog.getByText(/^Counting… [\d,]+ so far$/).waitFor()
  expect(await dialog.getByRole('button', { name: /^Pause/ }).isDisabled()).toBe(true)
  end()
  await dialog.getByText('Pause 100,000 tasks?').waitFor()
})

test('a count is cancelled when its dialog is closed', async () => {
  const { page } = await openPage(browser, `${server.url}/tasks`)
  await countsSoFar(page)
  const ended = page.waitForResponse((response) => response.request().method() === 'DELETE')
  const dialog = await choose(page, 'Pause')
  await dialog.getByText(/so far$/).waitFor()
  await dialog.getByRole('button', { name: 'Back' }).click()
  expect(await (await ended).json()).toMatchObject({ action: 'pause', dry_run: true })
})

test('a long operation shows its progress, continues without its dialog and across a reload, and can be stopped', async () => {
  const { page, faults } = await openPage(browser, `${server.url}/tasks`)
  const dialog = await choose(page, 'Pause')
  await dialog.getByRole('button', { name: 'Pause 100,000' }).click()
  const first = await pausedBeyond(page, 0)
  await dialog.getByRole('button', { name: 'Close', exact: true }).last().click()
  await dialog.waitFor({ state: 'hidden' })
  const second = await pausedBeyond(page, first)
  await page.reload()
  await pausedBeyond(page, second)

  await page.getByRole('region', { name: 'Pause tasks' }).getByRole('button', { name: 'Show' }).click()
  await dialog.getByRole('button', { name: 'Stop', exact: true }).click()
  await dialog.getByText('Stopped. Changes so far remain.').waitFor()
  const paused = await pausedBeyond(page, second)
  expect(paused).toBeLessThan(crowd)
  expect((await api.call('GET', '/api/stats')).body).toMatchObject({
    counts: { paused, queued: crowd - paused },
  })
  await dialog.getByRole('button', { name: 'Close', exact: true }).last().click()
  await dialog.waitFor({ state: 'hidden' })
  expect(await page.getByRole('region', { name: 'Pause tasks' }).count()).toBe(0)
  expect(faults).toEqual([])
})

/** Waits until the page shows more paused tasks than `count`; returns how many. */
async function pausedBeyond(page: Page, count: number): Promise<number> {
  let reached = 0
  const read = async () => {
    const words = await page.getByText(/ of 100,000 paused or pausing/).textContent()
    reached = Number(/([\d,]+) of/.exec(words ?? '')?.[1]?.replaceAll(',', ''))
    return reached
  }
  await expect.poll(read, { timeout: patience, interval: 100 }).toBeGreaterThan(count)
  return reached
}
