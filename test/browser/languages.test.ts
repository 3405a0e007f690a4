import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { barriers } from '../support/barriers.ts'
import { launchBrowser, patience } from '../support/browser.ts'
import { openPage } from '../support/open-page.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

/** The page of a real server in the languages that it speaks. */

let browser: Browser
let server: TestServer
let journey: string
let failed: string
beforeAll(async () => {
  browser = await launchBrowser()
  server = await TestServer.start({
    arguments: ['serve', '--tasks', join(import.meta.dirname, '../fixtures/journey.ts')],
  })
  const api = new Api(server.url)
  journey = await api.submit('journey', {})
  failed = await api.submit('long', { duration: 900 }, { timeout: 0.05, tags: ['nightly'] })
  await api.submit('long', { duration: 900, steps: 900 })
  const paused = await api.submit('long', { duration: 900 })
  await api.submit('add', { a: 1, b: 2 }, { delay: '1h' })
  const add = { type: 'add', parameters: { a: 1, b: 2 }, timezone: 'Europe/Berlin' }
  await api.post('/api/schedules', { ...add, id: 'nightly', cron: ['30 2 * * *'] })
  await api.post('/api/schedules', { ...add, id: 'paused', cron: '@daily', paused: true })
  await api.call('PUT', '/api/limits/mail-api', {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ concurrency: 1, rate: { limit: 1, per: '1h' } }),
  })
  for (const key of ['acme', 'acme'])
    await api.submit('long', { duration: 900 }, { limits: { 'mail-api': key } })
  await api.post('/api/webhooks', { url: 'https://example.com/', events: ['task.failed', 'task.completed'] })
  await api.untilStatus(failed, 'failed')
  await api.untilStatus(paused, 'running')
  await api.control(paused, 'pause')
  await until('a question', async () => {
    const { body } = await api.call('GET', '/api/waits?status=open')
    return (body['waits'] as unknown[]).length > 0
  })
})
afterAll(async () => {
  await browser.close()
  await server[Symbol.asyncDispose]()
})

const german = { locale: 'de-DE' }

async function settled(page: Page): Promise<void> {
  await page.getByRole('heading', { level: 1 }).waitFor()
  await expect
    .poll(() => page.locator('.mantine-Skeleton-root, [aria-busy="true"]').count(), { timeout: patience })
    .toBe(0)
}

const paths = {
  Übersicht: () => '/',
  Aufgaben: () => '/tasks',
  journey: () => `/tasks/${journey}`,
  long: () => `/tasks/${failed}`,
  Fehler: () => '/failures',
  Rückfragen: () => '/waits',
  'Aufgabe einreichen': () => '/submit/long',
  Zeitpläne: () => '/schedules',
  'Neuer Zeitplan': () => '/schedules?new',
  Limits: () => '/limits',
  'mail-api': () => '/limits/mail-api',
  Webhooks: () => '/webhooks',
  Typen: () => '/types',
  Knoten: () => '/nodes',
  Schlüssel: () => '/keys',
  'Audit-Log': () => '/audit',
}

test.each(Object.entries(paths))(
  'the page %s is German, accessible, and fits at 390, 1024 and 1440, light and dark',
  async (heading, path) => {
    const { page, faults } = await openPage(browser, `${server.url}${path()}`, german)
    await page.getByRole('heading', { level: 1, name: heading, exact: true }).waitFor()
    expect(await page.locator('html').getAttribute('lang')).toBe('de')
    const looks = [
      { width: 390, colorScheme: 'light' },
      { width: 1_024, colorScheme: 'light' },
      { width: 1_440, colorScheme: 'dark' },
    ] as const
    for (const { width, colorScheme } of looks) {
      await page.setViewportSize({ width, height: 900 })
      await page.emulateMedia({ colorScheme })
      const html = page.locator('html')
      await expect
        .poll(() => html.getAttribute('data-mantine-color-scheme'), { timeout: patience })
        .toBe(colorScheme)
      await settled(page)
      if (width !== 1_024) expect(await barriers(page), String(width)).toEqual([])
      expect(await page.evaluate('document.documentElement.scrollWidth'), String(width)).toBeLessThanOrEqual(
        width,
      )
    }
    expect(faults).toEqual([])
  },
)

test('dialogs and errors are German, accessible, and quote the server', async () => {
  const { page, faults } = await openPage(browser, `${server.url}/tasks`, {
    ...german,
    expected: /status of 4(?:04|22)/,
  })
  await settled(page)
  await page.getByRole('button', { name: 'Abbrechen…' }).click()
  await page
    .getByRole('dialog', { name: 'Aufgaben abbrechen' })
    .getByText(/\d+ Aufgaben abbrechen\?/)
    .waitFor()
  expect(await barriers(page)).toEqual([])
  await page.keyboard.press('Escape')
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Tastenkürzel' }).getByText('Umschalt + Leertaste').waitFor()
  expect(await barriers(page)).toEqual([])
  await page.goto(`${server.url}/tasks/019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31`)
  await page.getByText('Keine Aufgabe hat diese ID').waitFor()
  expect(await barriers(page)).toEqual([])
  await page.goto(`${server.url}/webhooks?new`)
  await page.getByLabel('URL').fill('http://10.0.0.1/')
  await page.getByRole('button', { name: 'Webhook anlegen' }).click()
  await page.getByRole('alert').getByText('may not reach').waitFor()
  expect(await barriers(page)).toEqual([])
  expect(faults).toEqual([])
})

test('the language is chosen in the menu, kept, and loads nothing of the other one', async () => {
  const { page, faults } = await openPage(browser, server.url, german)
  const files: string[] = []
  page.on('request', (request) => files.push(new URL(request.url()).pathname))
  await page.getByRole('heading', { name: 'Übersicht' }).waitFor()
  await page.getByRole('button', { name: 'Menü' }).click()
  await page.getByRole('group', { name: 'Sprache' }).getByRole('button', { name: 'English' }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  expect(await page.locator('html').getAttribute('lang')).toBe('en')
  await page.goto(`${server.url}/limits`)
  await page.getByRole('heading', { name: 'Limits' }).waitFor()
  await page.getByText('Declared by', { exact: false }).or(page.getByText('Set by hand')).first().waitFor()
  const languages = files.filter((file) => /\/(?:en|de)-[\w-]+\.js$/.test(file))
  expect(languages.some((file) => file.includes('/en-'))).toBe(true)
  expect(languages.filter((file) => file.includes('/de-'))).toEqual([])

  await page.keyboard.press('Control+k')
  await page.getByRole('combobox').fill('deutsch')
  await page.getByRole('option', { name: 'Language: Deutsch' }).click()
  await page.getByText('Von Hand gesetzt').waitFor()
  expect(faults).toEqual([])
})

test('a language that does not arrive is loaded again', async () => {
  const { page } = await openPage(browser, 'about:blank', german)
  let failures = 0
  await page.route('**/assets/de-*.js', (route) => {
    failures += 1
    return failures > 2 ? route.continue() : route.abort()
  })
  await page.goto(server.url)
  await page.getByRole('heading', { name: 'Übersicht' }).waitFor()
  expect(failures).toBeGreaterThan(2)
})

test.each([
  ['fr-FR', 'en'],
  ['de-AT', 'de'],
])('a browser in %s gets the page in %s', async (locale, language) => {
  const { page, faults } = await openPage(browser, `${server.url}/tasks`, { locale })
  await page.getByRole('heading', { name: language === 'de' ? 'Aufgaben' : 'Tasks' }).waitFor()
  expect(await page.locator('html').getAttribute('lang')).toBe(language)
  expect(faults).toEqual([])
})

test('a language that no formatter accepts is read as far as it is one', async () => {
  const { page, faults } = await openPage(browser, 'about:blank')
  await page.addInitScript(`
    Object.defineProperty(navigator, 'language', { value: 'en-US@posix', configurable: true })
    Object.defineProperty(navigator, 'languages', { value: ['en-US@posix'], configurable: true })
  `)
  await page.goto(server.url)
  await page
    .getByRole('figure', { name: /^Tasks submitted/ })
    .locator('canvas')
    .waitFor()
  expect(await page.locator('html').getAttribute('lang')).toBe('en')
  expect(faults.filter((fault) => !fault.startsWith('asks '))).toEqual([])
})

test('a task shows its steps, children, sleeps and questions on one time axis, and continues once it is answered', async () => {
  const { page, faults } = await openPage(browser, `${server.url}/tasks/${journey}`)
  const waterfall = page.getByRole('region', { name: 'Waterfall' })
  const kinds = () =>
    waterfall
      .getByRole('listitem')
      .evaluateAll((rows) =>
        rows.map((row) => (row as unknown as { innerText: string }).innerText.split(/\s/)[0]),
      )
  await expect.poll(kinds, { timeout: patience }).toEqual(['Step', 'Child', 'Sleep', 'Question'])
  await waterfall.getByRole('listitem').filter({ hasText: 'Child' }).getByRole('link').waitFor()
  const form = page.getByRole('form', { name: 'Answer to approval' })
  await form.getByLabel('approved').click()
  await form.getByRole('button', { name: 'Send answer' }).click()
  await waterfall.getByText('"booked"').waitFor()
  await expect.poll(kinds, { timeout: patience }).toEqual(['Step', 'Child', 'Sleep', 'Question', 'Step'])
  await waterfall.getByTitle(/^answered for /).waitFor()
  const places = await waterfall
    .getByTitle(/ for .*, from /)
    .evaluateAll((bars) =>
      bars.map(
        (bar) =>
          (bar as unknown as { getBoundingClientRect(): { left: number } }).getBoundingClientRect().left,
      ),
    )
  expect(places).toEqual(places.toSorted((a, b) => a - b))
  expect(faults).toEqual([])
})
