import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { barriers } from '../support/barriers.ts'
import { launchBrowser, patience } from '../support/browser.ts'
import { openPage } from '../support/open-page.ts'
import { TestServer } from '../support/server.ts'

/** The picture of runs on the overview, with a real server, in a real browser. */

let browser: Browser
let server: TestServer
let api: Api
let failed: string
let running: string
beforeAll(async () => {
  browser = await launchBrowser()
  server = await TestServer.start({ env: { FERMATA_MAX_CONCURRENT: '2' } })
  api = new Api(server.url)
  failed = await api.submit('long', { duration: 900 }, { timeout: 0.05 })
  await api.untilStatus(failed, 'failed')
  await api.untilStatus(await api.submit('add', { a: 1, b: 2 }), 'completed')
  running = await api.submit('long', { duration: 900, steps: 900 })
  await api.untilStatus(running, 'running')
})
afterAll(async () => {
  await browser.close()
  await server[Symbol.asyncDispose]()
})

const lanes = (page: Page) => page.getByRole('application', { name: /^Runs by type/ })
const said = (page: Page) => page.getByRole('status').filter({ hasText: /ends in/ })
/** Numbers of a type in the table below the picture. */
async function counted(page: Page, type: string): Promise<string[]> {
  const row = page.getByRole('region', { name: 'Runs by type' }).getByRole('row').filter({ hasText: type })
  return row.getByRole('cell').allInnerTexts()
}

test('runs are in the lanes of their types, and appear while one looks; the table says the same', async () => {
  const { page, faults } = await openPage(browser, server.url)
  await lanes(page).getByRole('link', { name: 'long' }).waitFor()
  await page.getByText('Show as a table').click()
  await expect.poll(() => counted(page, 'long')).toEqual(['long', '2', '0', '1', '0', '0', '1', '0'])
  expect(await counted(page, 'add')).toEqual(['add', '1', '0', '0', '0', '1', '0', '0'])
  await api.untilStatus(await api.submit('fib', { n: 10 }), 'completed')
  await expect.poll(() => counted(page, 'fib')).toEqual(['fib', '1', '0', '0', '0', '1', '0', '0'])
  await lanes(page).getByRole('link', { name: 'fib' }).waitFor()
  expect(await barriers(page)).toEqual([])
  expect(faults).toEqual([])
})

test('keys choose a run, and Enter opens it beside the picture, where it can be paused', async () => {
  const { page, faults } = await openPage(browser, server.url)
  await lanes(page).getByRole('link', { name: 'long' }).waitFor()
  await lanes(page).focus()
  // A lane that appears or moves meanwhile changes which run is next: so press until it is there.
  const press = async (key: string, wanted: string) => {
    await expect
      .poll(
        async () => {
          if (((await said(page).allInnerTexts())[0] ?? '').includes(wanted)) return true
          await page.keyboard.press(key)
          return ((await said(page).allInnerTexts())[0] ?? '').includes(wanted)
        },
        { timeout: patience },
      )
      .toBe(true)
  }
  await press('ArrowDown', 'long')
  await press('End', running.slice(-8))
  await press('ArrowLeft', failed.slice(-8))
  expect(await said(page).innerText()).toContain('failed')
  await press('ArrowRight', running.slice(-8))
  await page.keyboard.press('Enter')
  const drawer = page.getByRole('dialog', { name: 'long' })
  await drawer.getByText(running).waitFor()
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    await expect
      .poll(() => page.locator('html').getAttribute('data-mantine-color-scheme'), { timeout: patience })
      .toBe(colorScheme)
    expect(await barriers(page)).toEqual([])
  }
  await drawer.getByRole('button', { name: 'Pause', exact: true }).click()
  await drawer.getByRole('button', { name: 'Resume', exact: true }).click()
  await drawer.getByRole('button', { name: 'Pause', exact: true }).waitFor()
  await page.keyboard.press('Escape')
  await drawer.waitFor({ state: 'hidden' })
  expect(faults).toEqual([])
})

test('a click opens a run; brushing zooms and sets the time, which Back undoes', async () => {
  const { page, faults } = await openPage(browser, server.url)
  await lanes(page).getByRole('link', { name: 'long' }).waitFor()
  const box = (await lanes(page).boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 }
  const drag = async (from: number, to: number) => {
    await page.mouse.move(box.x + box.width * from, box.y + 12)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width * ((from + to) / 2), box.y + 14)
    await page.mouse.move(box.x + box.width * to, box.y + 14)
    await page.mouse.up()
  }
  await drag(0.9, 1)
  await page.waitForURL(({ searchParams }) => searchParams.has('from') && searchParams.has('until'))
  const { searchParams } = new URL(page.url())
  const seconds =
    (Date.parse(searchParams.get('until') ?? '') - Date.parse(searchParams.get('from') ?? '')) / 1_000
  expect(seconds).toBeGreaterThan(300)
  expect(seconds).toBeLessThan(420)
  await page.getByRole('link', { name: 'Show tasks' }).click()
  await page.waitForURL(/\/tasks\?from=.*&until=/)
  await page.goBack()
  await page.getByRole('button', { name: 'Reset zoom' }).waitFor()
  await page.goBack()
  await page.waitForURL(({ search }) => search === '')

  // The run that has not ended reaches to the right edge, below the name of its lane.
  const name = lanes(page).getByRole('link', { name: 'long' })
  const place = async () => {
    const [around, label] = [await lanes(page).boundingBox(), await name.boundingBox()]
    return { x: (around?.x ?? 0) + (around?.width ?? 0) - 2, y: (label?.y ?? 0) + 26 }
  }
  const dialog = page.getByRole('dialog', { name: 'long' })
  await expect
    .poll(
      async () => {
        if (await dialog.isVisible()) return true
        const { x, y } = await place()
        await page.mouse.click(x, y)
        return dialog.isVisible()
      },
      { timeout: patience },
    )
    .toBe(true)
  await dialog.getByText('Details').waitFor()
  await dialog.getByRole('link', { name: 'Open task' }).click()
  await page.waitForURL(/\/tasks\//)
  expect(faults).toEqual([])
})

test('thousands of runs are drawn in one canvas, and say if there are more', async () => {
  await using crowded = await TestServer.start({ env: { FERMATA_MAX_CONCURRENT: '0' } })
  const batch = { tasks: Array.from({ length: 2_100 }, (_, b) => ({ parameters: { a: 1, b } })) }
  await new Api(crowded.url).post('/api/run/add/batch', batch)
  const { page, faults } = await openPage(browser, crowded.url)
  await lanes(page).getByText('2000').waitFor()
  await page.getByText('There are more runs in this time').waitFor()
  expect(await lanes(page).locator('*').count()).toBeLessThan(20)
  // What is waiting is drawn: some pixels have a color.
  const isDrawn = () =>
    page.evaluate<boolean>(`(() => {
      const canvas = document.querySelector('[role="application"] canvas')
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
      let opaque = 0
      for (let index = 3; index < data.length; index += 4) if (data[index] > 40) opaque += 1
      return opaque > 500
    })()`)
  await expect.poll(isDrawn, { timeout: patience }).toBe(true)
  expect(faults).toEqual([])
})
