import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, Page, Request } from 'playwright-core'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { barriers } from '../support/barriers.ts'
import { launchBrowser, type VisitOptions, patience } from '../support/browser.ts'
import { openPage } from '../support/open-page.ts'
import { TestServer } from '../support/server.ts'

let browser: Browser
let server: TestServer
let api: Api
let running: string
let failed: string
let delayed: string
let waiting: string
let held: string
beforeAll(async () => {
  browser = await launchBrowser()
  server = await TestServer.start({ env: { FERMATA_MAX_CONCURRENT: '3' } })
  api = new Api(server.url)
  running = await api.submit('long', { duration: 900, steps: 900 }, { tags: ['nightly'] })
  failed = await api.submit('long', { duration: 900 }, { timeout: 0.05 })
  const paused = await api.submit('long', { duration: 900 })
  delayed = await api.submit('add', { a: 1, b: 2 }, { delay: '1h' })
  waiting = await api.submit('add', { a: 1, b: 2 }, { after: [delayed] })
  const nightly = { type: 'add', parameters: { a: 1, b: 2 }, timezone: 'Europe/Berlin' }
  await api.post('/api/schedules', { ...nightly, id: 'nightly', cron: ['30 2 * * *', '0 12 * * 6'] })
  await api.post('/api/schedules', { ...nightly, id: 'paused', cron: '@daily', paused: true })
  await api.call('POST', '/api/schedules/nightly/run')
  await api.untilStatus(failed, 'failed')
  await api.untilStatus(running, 'running')
  await api.control(paused, 'pause')
  await api.call('PUT', '/api/limits/mail-api', {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ concurrency: 1, rate: { limit: 1, per: '1h' } }),
  })
  for (const key of ['acme', 'acme'])
    held = await api.submit('long', { duration: 900 }, { limits: { 'mail-api': key } })
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

const paths = {
  overview: () => '/',
  tasks: () => '/tasks',
  'a running task': () => `/tasks/${running}`,
  'a failed task': () => `/tasks/${failed}`,
  'a waiting task': () => `/tasks/${waiting}`,
  failures: () => '/failures',
  waits: () => '/waits',
  submit: () => '/submit/long',
  schedules: () => '/schedules',
  'a schedule': () => '/schedules/nightly',
  'a new schedule': () => '/schedules?new',
  limits: () => '/limits',
  'a limit': () => '/limits/mail-api',
  'a new limit': () => '/limits?new',
  'a task that a limit holds back': () => `/tasks/${held}`,
  webhooks: () => '/webhooks',
  'a webhook': () => '/webhooks/callbacks',
  'a new webhook': () => '/webhooks?new',
  types: () => '/types',
  'a type': () => '/types/long',
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

test('a waiting task leads to the tasks for which it waits', async () => {
  const { page, faults } = await open(`/tasks/${waiting}`)
  await page.getByRole('link', { name: delayed }).click()
  await expect.poll(() => page.url(), { timeout: patience }).toContain(delayed)
  expect(faults).toEqual([])
})

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
    ['f', '/failures'],
    ['i', '/waits'],
    ['s', '/submit'],
    ['c', '/schedules'],
    ['l', '/limits'],
    ['w', '/webhooks'],
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

test('the frame of the page shows before any other file has arrived, and fits into the first packets', async () => {
  const { page } = await open('/')
  await page.route('**/assets/**', () => {})
  await page.goto(server.url, { waitUntil: 'commit' })
  await page.getByText('Fermata', { exact: true }).waitFor()
  await expect
    .poll(() => page.evaluate(`performance.getEntriesByName('first-contentful-paint').length`), {
      timeout: patience,
    })
    .toBe(1)
  // Ten packets are sent before the first answer is awaited.
  expect((await (await fetch(server.url)).text()).length).toBeLessThan(14_000)
})

test('an address without a page says so, and leads back', async () => {
  const { page, faults } = await open('/nothing/here', { expected: /status of 404/ })
  await page.getByRole('heading', { name: 'Page not found' }).waitFor()
  await page.getByRole('link', { name: 'Go to the overview' }).click()
  await page.waitForURL(({ pathname }) => pathname === '/')
  expect(faults).toEqual([])
})

test('a page whose files are gone since an upgrade is loaded again', async () => {
  const { page, faults } = await open('/', { expected: /status of 404/ })
  let reloads = 0
  page.on('framenavigated', () => void reloads++)
  await page.route('**/assets/NodesPage*', (route) =>
    reloads > 1 ? route.continue() : route.fulfill({ status: 404, body: '' }),
  )
  // The new version has another entry.
  await page.route(
    ({ pathname }) => pathname === '/',
    (route) =>
      route.fulfill({ contentType: 'text/html', body: '<script src="assets/index-new.js"></script>' }),
  )
  await page.getByRole('link', { name: 'Nodes', exact: true }).click()
  await page.getByRole('heading', { level: 1, name: 'Nodes' }).waitFor()
  expect(reloads).toBeGreaterThan(1)
  expect(faults).toEqual([])
})

test('remote workers are shown beside the nodes, and their types among the others', async () => {
  const register = await fetch(`${server.url}/api/worker/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ worker: 'gpu-1:4711', types: [{ type: 'transcribe' }] }),
  })
  expect(register.status).toBe(200)
  const { page, faults } = await open('/nodes')
  await page.getByRole('heading', { name: '1 remote worker' }).waitFor()
  await page.getByText('gpu-1:4711').waitFor()
  await page.getByText('Task types: transcribe').waitFor()
  expect(await barriers(page)).toEqual([])
  await page.goto(`${server.url}/types`)
  await page.getByText('in remote workers').waitFor()
  expect(faults).toEqual([])
})

test('an error stops one page only', async () => {
  const { page } = await open('/tasks', { expected: /./ })
  await page.route('**/api/nodes', (route) => route.fulfill({ json: { nodes: [{}] } }))
  await page.getByRole('link', { name: 'Nodes', exact: true }).click()
  await page.getByText('An error stopped this page').waitFor()
  expect(await barriers(page)).toEqual([])
  await page.getByRole('link', { name: 'Types', exact: true }).click()
  await page.getByRole('heading', { level: 1, name: 'Types' }).waitFor()
})

test('a language that no formatter accepts does not keep anything from showing', async () => {
  const { page, faults } = await open('/nodes')
  await page.addInitScript(
    `Object.defineProperty(navigator, 'language', { value: 'en-US@posix', configurable: true })`,
  )
  await page.goto(server.url)
  await page
    .getByRole('figure', { name: /^Tasks submitted/ })
    .locator('canvas')
    .waitFor()
  expect(faults).toEqual([])
})

test('a dialog has the keyboard to itself', async () => {
  const { page } = await open(`/tasks/${running}`)
  await page.keyboard.press('?')
  const dialog = page.getByRole('dialog', { name: 'Keyboard shortcuts' })
  await dialog.getByRole('heading', { name: 'Everywhere' }).click()
  await page.keyboard.press('g')
  await page.keyboard.press('n')
  expect(new URL(page.url()).pathname).toBe(`/tasks/${running}`)
  expect(await barriers(page)).toEqual([])
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
  await page.getByRole('button', { name: 'Cancel', exact: true }).click()
  await page.getByRole('button', { name: 'Cancel task' }).waitFor()
  expect(await barriers(page)).toEqual([])
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Cancel task' }).waitFor({ state: 'hidden' })
})

test('Back undoes a filter, chips count what the other filters leave, and a selection survives a visit', async () => {
  const { page, faults } = await open('/tasks')
  await page.getByLabel('Tag').fill('nightly')
  await page.getByLabel('Tag').press('Enter')
  await page.waitForURL(/tag=nightly/)
  await page.getByRole('button', { name: 'running 1', exact: true }).waitFor()
  await page.getByRole('button', { name: 'failed 0', exact: true }).waitFor()
  await page.getByRole('checkbox', { name: `Select task ${running}` }).click()
  await page.getByRole('grid', { name: 'Tasks' }).getByText('long').click()
  await page.getByRole('button', { name: 'Pause', exact: true }).waitFor()
  await page.goBack()
  await page.getByText('1 selected').waitFor()
  await page.goBack()
  await page.waitForURL(({ search }) => search === '')
  await page.getByRole('button', { name: 'failed 1', exact: true }).waitFor()
  await page.getByLabel('Submitted by').fill('nobody')
  await page.getByLabel('Submitted by').press('Enter')
  await page.getByText('No matching tasks').waitFor()
  await page.goto(`${server.url}/tasks?by=anonymous&status=failed`)
  await page.getByText('1 task', { exact: true }).waitFor()
  expect(faults).toEqual([])
})

test('failures are grouped by cause, and a group can be retried', async () => {
  const tags = ['cause']
  for (const duration of [900, 901]) {
    await api.untilStatus(await api.submit('long', { duration }, { timeout: 0.05, tags }), 'failed')
  }
  const { page, faults } = await open('/failures?span=1h')
  const group = page.getByRole('listitem').filter({ hasText: 'TIMEOUT' })
  await group.getByTitle('3 tasks', { exact: true }).waitFor()
  await group.getByRole('button', { name: 'Retry 3 tasks: TIMEOUT' }).click()
  await page.getByRole('dialog').getByText('Retry 3 tasks?').waitFor()
  expect(await barriers(page)).toEqual([])
  await page.getByRole('button', { name: 'Back' }).click()
  await group.getByRole('link', { name: /^TIMEOUT/ }).click()
  await page.waitForURL(/cause=[\da-f]{16}/)
  await page.getByText('3 tasks', { exact: true }).waitFor()
  await page.getByRole('button', { name: /^Cause / }).click()
  await page.waitForURL(({ search }) => search === '')
  await page.goto(`${server.url}/tasks/${failed}`)
  await page.getByRole('link', { name: 'Failures with this cause' }).click()
  await page.getByText('3 tasks', { exact: true }).waitFor()
  expect(faults).toEqual([])
})

test('the palette finds a task by the visible end of its id, and pages, types and actions by name', async () => {
  const { page, faults } = await open('/tasks', { expected: /status of 404/ })
  await page.getByLabel('Search', { exact: true }).focus()
  await page.keyboard.press('Control+k')
  const input = page.getByRole('combobox', { name: /^Find a task/ })
  await input.fill(`…${failed.slice(-8)}`)
  await page.getByRole('option', { name: `${failed} long · failed` }).waitFor()
  expect(await barriers(page)).toEqual([])
  await page.keyboard.press('Enter')
  await page.waitForURL(({ pathname }) => pathname === `/tasks/${failed}`)
  await page.getByRole('link', { name: 'Failures with this cause' }).waitFor()
  await page.keyboard.press('Control+k')
  await input.fill('submit fib')
  await page.keyboard.press('Enter')
  await page.waitForURL(({ pathname }) => pathname === '/submit/fib')
  await page.keyboard.press('Control+k')
  await input.fill('nodes')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'Nodes' }).waitFor()
  await page.keyboard.press('Control+k')
  await page
    .getByRole('group', { name: 'Recent tasks' })
    .getByText(`…${failed.slice(-8)}`)
    .waitFor()
  await input.fill('ffffffff')
  await page.getByText('Nothing found.').waitFor()
  await page.keyboard.press('Escape')
  await input.waitFor({ state: 'hidden' })
  await page.goto(`${server.url}/tasks/${failed.slice(-10)}`)
  await page.waitForURL(({ pathname }) => pathname === `/tasks/${failed}`)
  expect(faults).toEqual([])
})

test('a palette that is closed and opened again at once stays open', async () => {
  const { page, faults } = await open('/tasks')
  await page.keyboard.press('Control+k')
  const input = page.getByRole('combobox', { name: /^Find a task/ })
  await input.fill('nodes')
  // Both happen before the event of the close: it comes as a task of its own.
  await page.evaluate(`(async () => {
    const dialog = document.querySelector('dialog[open]')
    const event = new Promise((resolve) => dialog.addEventListener('close', resolve))
    dialog.querySelector('button[aria-label="Close"]').click()
    for (let turn = 0; turn < 10; turn++) await undefined
    if (dialog.open) throw new Error('The palette has not been closed.')
    document.dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true }))
    await event
  })()`)
  expect(await input.inputValue()).toBe('')
  await page.keyboard.press('Escape')
  await input.waitFor({ state: 'hidden' })
  expect(faults).toEqual([])
})

test('the log shows milliseconds, attempts and colors, is searched, and can be saved', async () => {
  const { page, faults } = await open('/nodes')
  const e = String.fromCharCode(27)
  const messages = ['first line', `${e}[31mfatal${e}[0m: second line`, 'third line']
  const lines = messages.map((message, index) => ({
    number: index + 1,
    at: 1_764_000_000.125 + index,
    attempt: index + 1,
    message,
  }))
  await page.route(`**/api/task/${failed}/logs*`, (route) => route.fulfill({ json: { lines } }))
  await page.goto(`${server.url}/tasks/${failed}`)
  const log = page.getByRole('log')
  await log.getByText('Attempt 3').waitFor()
  expect(await log.locator('time').first().innerText()).toMatch(/:\d\d\.125$/)
  expect(await log.locator('[data-colour="red"]').innerText()).toBe('fatal')
  await page.getByLabel('Find in log').fill('LINE')
  await page.getByText('1 of 3 lines').waitFor()
  await page.keyboard.press('Enter')
  await page.getByText('2 of 3 lines').waitFor()
  expect(await barriers(page)).toEqual([])
  await page.getByLabel('Find in log').fill('fourth')
  await page.getByText('Not found').waitFor()
  await page.getByRole('button', { name: 'Wrap long lines', pressed: true }).click()
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download the log' }).click(),
  ])
  expect(download.suggestedFilename()).toBe(`${failed}.log`)
  expect(faults).toEqual([])
})

test('two attempts of a task are compared', async () => {
  const id = await api.submit(
    'long',
    { duration: 900 },
    { timeout: 0.05, max_attempts: 3, backoff: { base: 0 } },
  )
  await api.untilStatus(id, 'failed')
  const { page, faults } = await open(`/tasks/${id}`)
  await page.getByRole('button', { name: 'Compare' }).click()
  const dialog = page.getByRole('dialog', { name: 'Compare attempts' })
  const row = (name: string) => dialog.getByRole('row', { name: new RegExp(`^${name}`) })
  await row('Outcome Different Retry scheduled Failed').waitFor()
  await row('Error Same TIMEOUT').waitFor()
  await row('Node Same').waitFor()
  await dialog.getByLabel('Second attempt').selectOption('Attempt 1')
  await row('Outcome Same Retry scheduled Retry scheduled|Outcome Different').waitFor()
  await dialog.getByLabel('First attempt').selectOption('Attempt 1')
  await row('Started Same').waitFor()
  expect(await barriers(page)).toEqual([])
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  expect(faults).toEqual([])
})

test('a pause can be undone, and the end of a task is announced on another page', async () => {
  const id = await api.submit('long', { duration: 900, steps: 9_000 })
  const { page, faults } = await open(`/tasks/${id}`)
  await page.getByRole('button', { name: 'Pause', exact: true }).click()
  await page.getByRole('status').getByRole('button', { name: 'Undo' }).click()
  await page.getByRole('button', { name: 'Pause', exact: true }).waitFor()
  await page.getByRole('button', { name: 'Notify me', pressed: false }).click()
  await page.getByRole('button', { name: 'Notify me', pressed: true }).waitFor()
  await page.getByRole('link', { name: 'Nodes', exact: true }).click()
  await page.getByRole('heading', { level: 1, name: 'Nodes' }).waitFor()
  await page.reload()
  await api.control(id, 'cancel')
  await page.getByText(`long …${id.slice(-8)} cancelled`).waitFor()
  expect(await barriers(page)).toEqual([])
  await page.getByRole('button', { name: 'Open', exact: true }).click()
  await page.waitForURL(({ pathname }) => pathname === `/tasks/${id}`)
  await page.getByRole('link', { name: 'Types', exact: true }).click()
  await page.getByRole('button', { name: 'Hold fib' }).click()
  await page.getByRole('status').getByRole('button', { name: 'Undo' }).click()
  await page.getByRole('button', { name: 'Hold fib' }).waitFor()
  expect((await api.call('GET', '/api/tasks/fib')).body).toMatchObject({ held: false })
  expect(faults).toEqual([])
})

test('a query sets filters, suggests what can be written, and says what cannot be', async () => {
  const { page, faults } = await open('/tasks')
  const box = page.getByRole('combobox', { name: 'Search' })
  const suggested = () =>
    page.evaluate<string[]>(
      `Array.from(document.querySelector('input[aria-label="Search"]').list.options, ({ value }) => value)`,
    )
  await box.fill('st')
  await expect.poll(suggested).toEqual(['status:'])
  await box.fill('status:fai')
  await expect.poll(suggested).toEqual(['status:failed '])
  await box.fill('type:lo')
  await expect.poll(suggested).toEqual(['type:long '])
  await box.fill('type:long ')
  await page.waitForURL(({ search }) => search === '?type=long')
  expect(await box.inputValue()).toBe('')
  await box.fill('tag:nightly status:broken')
  await box.press('Enter')
  await page.getByText('Unknown value: status:broken').waitFor()
  expect(await barriers(page)).toEqual([])
  await box.fill('tag:nightly status:running duration')
  await box.press('Enter')
  await page.waitForURL(({ searchParams }) => searchParams.get('q') === 'duration')
  expect(Object.fromEntries(new URL(page.url()).searchParams)).toEqual({
    type: 'long',
    tag: 'nightly',
    status: 'running',
    q: 'duration',
  })
  await page.getByRole('checkbox', { name: `Select task ${running}` }).waitFor()
  expect(await box.inputValue()).toBe('duration')
  expect(faults).toEqual([])
})

test('finished tasks are found and sorted by how long they ran', async () => {
  const tags = ['measured']
  const ids = [
    await api.submit('long', { duration: 1.2, steps: 3 }, { tags }),
    await api.submit('add', { a: 1, b: 2 }, { tags }),
  ]
  for (const id of ids) await api.untilStatus(id, 'completed')
  const tasks = await Promise.all(ids.map((id) => api.status(id)))
  // On a slow machine, any of them may take longer.
  const [longer, shorter] = tasks.toSorted((a, b) => b.execution_time - a.execution_time)
  const [long, short] = [longer!.task_id, shorter!.task_id]
  const { page, faults } = await open('/tasks?tag=measured')
  const box = page.getByRole('combobox', { name: 'Search' })
  const rows = () =>
    page
      .getByRole('checkbox', { name: /^Select task / })
      .evaluateAll((boxes) =>
        boxes.map((one) => one.getAttribute('aria-label')?.slice('Select task '.length)),
      )
  await box.fill('order:longest ')
  await expect.poll(rows).toEqual([long, short])
  await box.fill('order:shortest ')
  await expect.poll(rows).toEqual([short, long])
  await box.fill('took:>soon')
  await box.press('Enter')
  await page.getByText('Unknown value: took:>soon').waitFor()
  const least = longer!.execution_time
  await box.fill(`took:>${least}s `)
  await page.waitForURL(({ searchParams }) => searchParams.get('took_min') === String(least))
  await expect.poll(rows).toEqual([long])
  expect(await barriers(page)).toEqual([])
  await page.getByRole('button', { name: /^Took at least / }).click()
  await expect.poll(rows).toEqual([short, long])
  await page.getByRole('button', { name: 'Shortest first' }).click()
  await page.getByLabel('Order').selectOption('Latest end first')
  await page.waitForURL(({ searchParams }) => searchParams.get('order') === 'ended_newest')
  await expect.poll(async () => new Set(await rows())).toEqual(new Set([long, short]))
  expect(faults).toEqual([])
})

test('columns are chosen, kept in the browser, and part of a saved view; a heading sorts', async () => {
  const { page, faults } = await open('/tasks?tag=nightly')
  const heads = () => page.getByRole('columnheader').allInnerTexts()
  await page.getByRole('button', { name: 'Columns', exact: true }).click()
  await page.getByRole('checkbox', { name: 'Attempts' }).check()
  await page.getByRole('checkbox', { name: 'Ended' }).check()
  await page.getByRole('checkbox', { name: 'Parameters' }).uncheck()
  expect(await barriers(page)).toEqual([])
  await page.keyboard.press('Escape')
  const chosen = ['', 'Status', 'Type', 'Progress', 'Attempts', 'Duration', 'Submitted', 'Ended', 'ID']
  await expect.poll(heads).toEqual(chosen)
  await page.getByRole('gridcell', { name: '1 of 1' }).waitFor()
  await page.reload()
  await expect.poll(heads).toEqual(chosen)
  await page.getByRole('button', { name: 'Save view' }).click()
  await page.getByLabel('Name').fill('The chosen ones')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByRole('button', { name: 'Columns', exact: true }).click()
  await page.getByRole('button', { name: 'Show the usual columns' }).click()
  await page.keyboard.press('Escape')
  await expect.poll(heads).not.toContain('Ended')
  await page.getByRole('list', { name: 'Saved views' }).getByRole('link').click()
  await page.waitForURL(/columns=status,type,progress,attempt,duration,submitted,ended,id$/)
  await expect.poll(heads).toEqual(chosen)
  await page.goto(`${server.url}/tasks?columns=status,ended`)
  await expect.poll(heads).toEqual(['', 'Status', 'Ended'])
  const heading = page.getByRole('columnheader', { name: 'Ended' })
  await heading.getByRole('button').click()
  await page.waitForURL(/order=ended_newest&columns=status,ended$/)
  await heading.getByRole('button').click()
  await page.waitForURL(/order=ended_oldest&columns=status,ended$/)
  await expect.poll(() => heading.getAttribute('aria-sort')).toBe('ascending')
  expect(faults).toEqual([])
})

test('filters are saved as a view, with its count, in the sidebar and the palette', async () => {
  const { page, faults } = await open(`/tasks?tag=nightly`)
  await page.getByRole('button', { name: 'Save view' }).click()
  await page.getByLabel('Name').fill('The nightly ones')
  expect(await barriers(page)).toEqual([])
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  const view = page.getByRole('list', { name: 'Saved views' }).getByRole('link')
  await expect.poll(() => view.innerText(), { timeout: patience }).toMatch(/^The nightly ones\s+1$/)
  await page.goto(`${server.url}/nodes`)
  await view.click()
  await page.waitForURL(/\/tasks\?tag=nightly$/)
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox', { name: /^Find a task/ }).fill('the nightly')
  await page.getByRole('option', { name: /^The nightly ones/ }).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Remove the view The nightly ones' }).focus()
  await page.keyboard.press('Enter')
  await view.waitFor({ state: 'detached' })
  expect(faults).toEqual([])
})

test('status chips fit on one line at 1024', async () => {
  const { page } = await open('/tasks', { viewport: { width: 1_024, height: 768 } })
  const tops = await page
    .getByRole('group', { name: 'Status' })
    .getByRole('button')
    .evaluateAll((chips) => chips.map((chip) => chip.getBoundingClientRect().top))
  expect(tops.length).toBeGreaterThan(6)
  expect(new Set(tops).size).toBe(1)
})

test('a document of megabytes opens at once, scrolls, and can be saved; text from right to left keeps its place', async () => {
  const lines = Array.from({ length: 60_000 }, (_, index) => `line ${index} of a long document`)
  const parameters = { a: 1, b: 2 }
  const id = await api.submit('add', parameters)
  await api.untilStatus(id, 'completed')
  const { page, faults } = await open('/nodes')
  await page.route(`**/api/task/${id}`, async (route) => {
    const answer = await route.fetch()
    const body = (await answer.json()) as object
    await route.fulfill({ json: { ...body, result: { hebrew: 'שלום', lines, last: 'x'.repeat(5_000_000) } } })
  })
  await page.goto(`${server.url}/tasks/${id}`)
  const document = page.getByLabel('Result', { exact: true }).locator('pre')
  await page.getByRole('button', { name: /^Show all \(7\.\d MB\)$/ }).click()
  await document.getByText('"line 10 of a long document"').waitFor()
  expect(await document.locator('[data-index]').count()).toBeLessThan(200)
  await document.evaluate((element) => element.scrollTo({ top: element.scrollHeight }))
  await document
    .getByText(/^x+"?$/)
    .first()
    .waitFor()
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download the result' }).click(),
  ])
  expect(download.suggestedFilename()).toBe(`${id}-result.json`)
  await document.evaluate((element) => element.scrollTo({ top: 0 }))
  const line = document.locator('[data-index="1"]')
  const lefts = await line
    .locator('span')
    .evaluateAll((parts) => parts.map((part) => part.getBoundingClientRect().left))
  expect(lefts).toEqual(lefts.toSorted((a, b) => a - b))
  expect(faults).toEqual([])
})

test('what is typed into a form survives a visit to another page, except for what is sensitive', async () => {
  const { page, faults } = await open('/submit/fib')
  await page.getByLabel(/^n\b/).fill('4711')
  await page.getByRole('link', { name: 'Nodes', exact: true }).click()
  await page.getByRole('heading', { level: 1, name: 'Nodes' }).waitFor()
  await page.goBack()
  await expect.poll(() => page.getByLabel(/^n\b/).inputValue(), { timeout: patience }).toBe('4711')
  await page.getByRole('button', { name: 'Start over' }).click()
  await expect.poll(() => page.getByLabel(/^n\b/).inputValue(), { timeout: patience }).not.toBe('4711')
  expect(faults).toEqual([])
})

test('the first page stays under 250 kB compressed, with its charts', async () => {
  const { page } = await open('/')
  await page
    .getByRole('figure', { name: /^Tasks submitted/ })
    .locator('canvas')
    .waitFor()
  const urls = await page.evaluate(
    `performance.getEntriesByType('resource').map(({ name }) => name).filter((name) => !name.includes('/api/'))`,
  )
  const files = ['index.html', ...new Set((urls as string[]).map((url) => new URL(url).pathname))]
  const folder = join(import.meta.dirname, '../../dashboard/dist')
  const sizes = await Promise.all(
    files.map(async (file) => gzipSync(await readFile(join(folder, file))).length),
  )
  expect(files.length).toBeGreaterThan(5)
  const size = sizes.reduce((sum, size) => sum + size)
  expect(size).toBeGreaterThan(100_000)
  expect(size).toBeLessThan(250_000)
})
