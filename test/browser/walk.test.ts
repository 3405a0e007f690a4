import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { newSchema } from '../conformance/stores.ts'
import { Api } from '../support/api.ts'
import { barriers } from '../support/barriers.ts'
import { launchBrowser, visit, type VisitOptions, patience } from '../support/browser.ts'
import { openPage } from '../support/open-page.ts'
import { freePort } from '../support/ports.ts'
import { TestServer } from '../support/server.ts'

/** What people do on the page, on both databases. */
const stores = [
  { name: 'SQLite', env: () => ({}) },
  {
    name: 'PostgreSQL',
    env: () => ({ DATABASE_URL: `${inject('postgres')}?schema=${newSchema()}&lease=20` }),
  },
]

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())

describe.each(stores)('on $name', ({ env }) => {
  let server: TestServer
  let api: Api
  beforeAll(async () => {
    server = await TestServer.start({ env: env() })
    api = new Api(server.url)
  })
  afterAll(() => server[Symbol.asyncDispose]())

  const open = (path: string, options: VisitOptions = {}) =>
    openPage(browser, `${server.url}${path}`, options)

  test('a submitted task shows progress, pauses, resumes, and ends with a cancel', async () => {
    const { page, faults } = await open('/submit/long')
    await page.getByLabel('duration').fill('120')
    await page.getByLabel('steps').fill('1200')
    await page.getByRole('button', { name: 'Submit', exact: true }).click()
    await page.waitForURL(/\/tasks\/[\w-]+$/)
    const id = new URL(page.url()).pathname.split('/').at(-1) ?? ''

    const first = await progressBeyond(page, 0)
    await progressBeyond(page, first)
    await page.getByRole('button', { name: 'Pause', exact: true }).click()
    await page.getByRole('button', { name: 'Resume', exact: true }).waitFor()
    const { progress } = await api.untilStatus(id, 'paused')
    const held = String(Math.round((100 * progress!.current) / 1_200))
    await expect.poll(() => barOf(page).getAttribute('aria-valuenow')).toBe(held)
    // Meanwhile, another task runs from start to end.
    await api.untilStatus(await api.submit('long', { duration: 0.5 }), 'completed')
    expect((await api.status(id)).progress?.current).toBe(progress?.current)
    expect(await barOf(page).getAttribute('aria-valuenow')).toBe(held)

    await page.getByRole('button', { name: 'Resume', exact: true }).click()
    await progressBeyond(page, Number(held))
    await page.getByRole('button', { name: 'Cancel', exact: true }).click()
    await page.getByRole('button', { name: 'Cancel task' }).click()
    await page.getByRole('button', { name: 'Retry', exact: true }).waitFor()
    expect(await api.status(id)).toMatchObject({ status: 'cancelled', ended_by: 'cooperative' })
    expect(faults).toEqual([])
  })

  test('filters are in the URL, and a bulk action first shows the number of tasks', async () => {
    const ids = await Promise.all(
      Array.from({ length: 14 }, () => api.submit('long', { duration: 600 }, { tags: ['crowd'] })),
    )
    await api.submit('long', { duration: 600 }, { tags: ['bystander'] })
    const { page, faults } = await open('/tasks?tag=crowd')
    const rows = page.getByRole('grid', { name: 'Tasks' }).getByRole('row')
    await expect.poll(() => rows.count(), { timeout: patience }).toBe(15)

    await page
      .getByRole('group', { name: 'Status' })
      .getByRole('button', { name: /^queued/ })
      .click()
    await page.waitForURL(/status=queued/)
    await page.reload()
    await page.getByRole('button', { name: /^queued/, pressed: true }).waitFor()
    await page
      .getByRole('group', { name: 'Status' })
      .getByRole('button', { name: /^queued/ })
      .click()
    await page.waitForURL((url) => !url.search.includes('status'))

    await act(page, 'Pause', 14)
    for (const id of ids) await api.untilStatus(id, 'paused')
    await act(page, 'Resume', 14)
    await act(page, 'Cancel', 14)
    for (const id of ids) await api.untilStatus(id, 'cancelled')
    const { body } = await api.call('GET', '/api/task?tag=bystander')
    expect(body['tasks']).toMatchObject([{ status: expect.stringMatching(/^(?:queued|running)$/) }])
    expect(faults).toEqual([])
  })

  test('validation errors appear at their fields, in the words of a form', async () => {
    const { page, faults } = await open('/submit/fib', { expected: /status of 4(?:00|22)/ })
    const field = page.getByRole('textbox', { name: /^n\b/ })
    const submit = page.getByRole('button', { name: 'Submit', exact: true })
    await field.fill('many')
    await submit.click()
    await page.getByText('must be a number').waitFor()
    await field.fill('-5')
    await submit.click()
    await page.getByText('At least 0', { exact: true }).waitFor()
    expect(await field.getAttribute('aria-invalid')).toBe('true')
    await field.fill('10')
    await page.getByText('Options').click()
    await page.getByLabel('Attempts').fill('0')
    await submit.click()
    await expect
      .poll(() => page.getByLabel('Attempts').getAttribute('aria-invalid'), { timeout: patience })
      .toBe('true')
    await page.getByLabel('Attempts').fill('2')
    await submit.click()
    await page.waitForURL(/\/tasks\/[\w-]+$/)
    expect(faults).toEqual([])
  })

  test('a task can be run again with changes', async () => {
    const id = await api.submit('add', { a: 20, b: 22 }, { tags: ['again'], priority: 7 })
    await api.untilStatus(id, 'completed')
    const { page, faults } = await open(`/tasks/${id}`)
    await page.getByRole('link', { name: 'Run again with changes' }).click()
    await expect.poll(() => page.getByLabel(/^a\b/).inputValue(), { timeout: patience }).toBe('20')
    await page.getByLabel(/^b\b/).fill('100')
    expect(await page.getByLabel('Tags').inputValue()).toBe('again')
    await page.getByRole('button', { name: 'Submit', exact: true }).click()
    await page.waitForURL((url) => url.pathname.startsWith('/tasks/') && !url.pathname.endsWith(id))
    const next = new URL(page.url()).pathname.split('/').at(-1) ?? ''
    await api.untilStatus(next, 'completed')
    expect(await api.details(next)).toMatchObject({ result: 120, tags: ['again'], priority: 7 })
    expect(faults).toEqual([])
  })

  test('a type can be held and released', async () => {
    const { page, faults } = await open('/types')
    await page.getByRole('button', { name: 'Hold fib' }).click()
    await page.getByText(/^Held by .*: tasks of this type do not start/).waitFor()
    expect((await api.call('GET', '/api/tasks/fib')).body).toMatchObject({ held: true })
    await page.getByRole('button', { name: 'Release fib' }).click()
    await page.getByRole('button', { name: 'Hold fib' }).waitFor()
    expect((await api.call('GET', '/api/tasks/fib')).body).toMatchObject({ held: false })
    expect(faults).toEqual([])
  })

  test('the page notices that its server is gone, and continues with the next one', async () => {
    const database = env()
    const before = await TestServer.start({ env: { ...database, PORT: String(await freePort()) } })
    const { port, directory } = before
    const id = await new Api(before.url).submit('long', { duration: 300, steps: 3_000 })
    await using visited = await visit(browser, `${before.url}/tasks/${id}`, {
      expected:
        /ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|status of 503/,
    })
    const { page, faults } = visited
    const reached = await progressBeyond(page, 0)
    await before.stop('SIGKILL')
    await page.getByText('Server unreachable.').waitFor()
    // The code of another page cannot be loaded now.
    await page.getByRole('link', { name: 'Nodes', exact: true }).click()
    await page.getByText('This page loads when the server is reachable again').waitFor()
    expect(await barriers(page)).toEqual([])
    await using after = await TestServer.start({ env: { ...database, PORT: String(port) }, directory })
    await page.getByText('1 of 10 slots in use').waitFor()
    await page.goBack()
    await page.getByText('Server unreachable.').waitFor({ state: 'hidden' })
    await progressBeyond(page, reached)
    await new Api(after.url).control(id, 'cancel')
    await page.getByRole('button', { name: 'Retry', exact: true }).waitFor()
    expect(faults).toEqual([])
  })
})

function barOf(page: Page) {
  return page.getByRole('progressbar', { name: 'Progress of long' })
}

/** Waits until the progress bar is above this percentage; returns the percentage. */
async function progressBeyond(page: Page, percent: number): Promise<number> {
  let reached = 0
  const read = async () => {
    reached = Number((await barOf(page).getAttribute('aria-valuenow')) ?? 0)
    return reached
  }
  await expect.poll(read, { timeout: patience, interval: 100 }).toBeGreaterThan(percent)
  return reached
}

/** Runs an action on all matching tasks, and checks the number in the confirmation dialog. */
async function act(page: Page, name: string, count: number): Promise<void> {
  await page
    .getByRole('toolbar', { name: 'Actions' })
    .getByRole('button', { name: `${name}…` })
    .click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText(`${name} ${count} tasks?`).waitFor()
  await dialog.getByRole('button', { name: `${name} ${count}` }).click()
  await dialog.getByText(new RegExp(`^${count} of ${count} `)).waitFor()
  await dialog.getByRole('button', { name: 'Close', exact: true }).last().click()
  await dialog.waitFor({ state: 'hidden' })
}
