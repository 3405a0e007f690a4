import { AxeBuilder } from '@axe-core/playwright'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, Page, Request } from 'playwright-core'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { launchBrowser, type VisitOptions } from '../support/browser.ts'
import { openPage, patience } from '../support/open-page.ts'
import { TestServer } from '../support/server.ts'

let browser: Browser
let server: TestServer
let api: Api
let running: string
let failed: string
beforeAll(async () => {
  browser = await launchBrowser()
  server = await TestServer.start({ env: { FERMATA_MAX_CONCURRENT: '3' } })
  api = new Api(server.url)
  running = await api.submit('long', { duration: 900, steps: 900 }, { tags: ['nightly'] })
  failed = await api.submit('long', { duration: 900 }, { timeout: 0.05 })
  const paused = await api.submit('long', { duration: 900 })
  await api.submit('add', { a: 1, b: 2 }, { delay: '1h' })
  const nightly = { type: 'add', parameters: { a: 1, b: 2 }, timezone: 'Europe/Berlin' }
  await api.post('/api/schedules', { ...nightly, id: 'nightly', cron: ['30 2 * * *', '0 12 * * 6'] })
  await api.post('/api/schedules', { ...nightly, id: 'paused', cron: '@daily', paused: true })
  await api.call('POST', '/api/schedules/nightly/run')
  await api.untilStatus(failed, 'failed')
  await api.untilStatus(running, 'running')
  await api.control(paused, 'pause')
})
afterAll(async () => {
  await browser.close()
  await server[Symbol.asyncDispose]()
})

async function open(path: string, options: VisitOptions = {}) {
  const visited = await openPage(browser, `${server.url}${path}`, options)
  await visited.page.getByRole('heading', { level: 1 }).waitFor()
  await settled(visited.page)
  return visited
}

/** Waits until nothing is loading, and no placeholder is left. */
async function settled(page: Page): Promise<void> {
  await expect
    .poll(() => page.locator('.mantine-Skeleton-root, [aria-busy="true"]').count(), { timeout: patience })
    .toBe(0)
}

/** Serious accessibility violations according to axe. */
async function barriers(page: Page) {
  const { violations } = await new AxeBuilder({ page }).analyze()
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  return grave.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])
}

const paths = {
  overview: () => '/',
  tasks: () => '/tasks',
  'a running task': () => `/tasks/${running}`,
  'a failed task': () => `/tasks/${failed}`,
  submit: () => '/submit/long',
  schedules: () => '/schedules',
  'a schedule': () => '/schedules/nightly',
  'a new schedule': () => '/schedules?new',
  types: () => '/types',
  nodes: () => '/nodes',
}
/** Each color scheme and each width is checked for barriers once, and everything for errors and for what does not fit. */
const looks = [
  { name: 'light and wide', colorScheme: 'light', viewport: { width: 1_440, height: 900 } },
  { name: 'dark and wide', colorScheme: 'dark', viewport: { width: 1_440, height: 900 } },
  { name: 'dark on a phone', colorScheme: 'dark', viewport: { width: 390, height: 844 } },
  { name: 'light on a phone', colorScheme: 'light', viewport: { width: 390, height: 844 } },
] as const

test.each(Object.entries(paths))(
  '%s is accessible, fits, and has no errors, light or dark, wide or on a phone',
  async (_, path) => {
    const { page, faults } = await open(path(), looks[0])
    for (const { name, colorScheme, viewport } of looks) {
      await page.setViewportSize(viewport)
      await page.emulateMedia({ colorScheme })
      const html = page.locator('html')
      await expect
        .poll(() => html.getAttribute('data-mantine-color-scheme'), { timeout: patience })
        .toBe(colorScheme)
      await settled(page)
      if (name === 'light and wide' || name === 'dark on a phone') {
        expect(await barriers(page), name).toEqual([])
      }
      const width = await page.evaluate('document.documentElement.scrollWidth')
      expect(width, name).toBeLessThanOrEqual(viewport.width)
    }
    expect(faults).toEqual([])
  },
)

test.each(['light', 'dark'] as const)(
  'the page opens in the preferred color scheme, %s',
  async (colorScheme) => {
    const { page } = await open('/', { colorScheme, viewport: { width: 390, height: 844 } })
    expect(await page.locator('html').getAttribute('data-mantine-color-scheme')).toBe(colorScheme)
  },
)

test('these tests detect a barrier, a request to another host and an error', async () => {
  const { page, faults } = await open('/')
  await page.evaluate(`
    document.querySelector('main').append(document.createElement('button'))
    void fetch('http://127.0.0.1:9/elsewhere').catch(() => undefined)
    setTimeout(() => { throw new Error('thrown by the test') })
  `)
  expect(await barriers(page)).toEqual([['button-name', ['<button></button>']]])
  await expect.poll(() => faults.join(' '), { timeout: patience }).toMatch(/thrown by the test/)
  // The content security policy of the page blocks the request.
  expect(faults.join(' ')).toMatch(/Content Security Policy/)
})

test('every page can be reached with the keyboard alone', async () => {
  const { page, faults } = await open('/')
  for (const [key, path] of [
    ['t', '/tasks'],
    ['s', '/submit'],
    ['c', '/schedules'],
    ['y', '/types'],
    ['n', '/nodes'],
    ['o', '/'],
  ] as const) {
    await page.keyboard.press('g')
    await page.keyboard.press(key)
    await page.waitForURL(({ pathname }) => pathname === path || pathname.startsWith(`${path}/`))
  }
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
  expect(faults).toEqual([])
})

test('each page has one stream; a hidden tab closes it, and a visible one reopens it', async () => {
  const streams = new Set<Request>()
  const { page, faults } = await open('/nodes')
  page.on('request', (request) => {
    if (request.url().includes('/events')) streams.add(request)
  })
  page.on('requestfailed', (request) => void streams.delete(request))
  page.on('requestfinished', (request) => void streams.delete(request))
  const held = () => streams.size
  const hideAndShow = async () => {
    for (const [state, count] of [
      ['hidden', 0],
      ['visible', 1],
    ] as const) {
      await page.evaluate(`
        Object.defineProperty(document, 'visibilityState', { value: '${state}', configurable: true })
        document.dispatchEvent(new Event('visibilitychange'))
      `)
      await expect.poll(held, { timeout: patience }).toBe(count)
    }
  }
  await page.getByRole('link', { name: 'Overview', exact: true }).click()
  await expect.poll(held, { timeout: patience }).toBe(1)
  await hideAndShow()
  await page.getByRole('link', { name: 'Tasks', exact: true }).click()
  const rows = page.getByRole('grid', { name: 'Tasks' }).getByRole('row')
  await rows.nth(1).waitFor()
  await expect.poll(held, { timeout: patience }).toBe(1)
  await hideAndShow()
  await rows.getByText('nightly').click()
  await page.getByRole('button', { name: 'Pause', exact: true }).waitFor()
  await expect.poll(held, { timeout: patience }).toBe(1)
  await hideAndShow()
  expect(faults).toEqual([])
})

test('a table row shows whole parts, as many as fit', async () => {
  for (const width of [390, 1_024, 1_440]) {
    const { page } = await open('/tasks', { viewport: { width, height: 844 } })
    const bar = page.getByRole('progressbar', { name: `Progress of ${running}` })
    await bar.waitFor()
    const parts = await bar.evaluate((element) => {
      const line = element.previousElementSibling
      if (line === null) return []
      const { top, left, right, height } = line.getBoundingClientRect()
      return [...line.children].map((part) => {
        const box = part.getBoundingClientRect()
        const isShown = box.top < top + height / 2
        return {
          isShown,
          isWhole: box.left >= left - 1 && box.right <= right + 1 && part.scrollWidth <= box.width + 1,
        }
      })
    })
    expect(parts.length).toBeGreaterThan(1)
    expect(parts.filter(({ isShown, isWhole }) => isShown && !isWhole)).toEqual([])
    expect(parts[0]?.isShown).toBe(true)
  }
})

test('links to a task, a filter and a form can be opened directly', async () => {
  const { page } = await open(`/tasks/${running}`)
  await page.getByText(running, { exact: true }).waitFor()
  await page.goto(`${server.url}/tasks?status=failed`)
  await page.getByRole('button', { name: /^failed/, pressed: true }).waitFor()
  await page.goto(`${server.url}/submit/fib`)
  await page.getByLabel(/^n\b/).waitFor()
})

test('an unknown task is reported, not thrown', async () => {
  const { page, faults } = await open('/tasks/nothing', { expected: /status of 404/ })
  await page.getByText('No task has this ID').waitFor()
  expect(faults).toEqual([])
})

test('the whole page stays under 260 kB compressed', async () => {
  const folder = join(import.meta.dirname, '../../dashboard/dist')
  const files = (await readdir(folder, { recursive: true })).filter((file) =>
    /\.(?:html|js|css|svg)$/.test(file),
  )
  const sizes = await Promise.all(
    files.map(async (file) => gzipSync(await readFile(join(folder, file))).length),
  )
  expect(files.length).toBeGreaterThan(5)
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(260_000)
})
