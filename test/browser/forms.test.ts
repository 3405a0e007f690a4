import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { barriers } from '../support/barriers.ts'
import { launchBrowser } from '../support/browser.ts'
import { openPage } from '../support/open-page.ts'
import { TestServer } from '../support/server.ts'

/** Forms of schemas with lists of objects, unions and dates, in a real browser. */

let browser: Browser
let server: TestServer
beforeAll(async () => {
  browser = await launchBrowser()
  const tasks = join(import.meta.dirname, '../fixtures/forms.ts')
  server = await TestServer.start({ arguments: ['serve', '--tasks', tasks] })
})
afterAll(async () => {
  await browser.close()
  await server[Symbol.asyncDispose]()
})

test('a form has rows, shapes and dates, says what is missing in its own words, and keeps a draft over a reload', async () => {
  const api = new Api(server.url)
  const { page, faults } = await openPage(browser, `${server.url}/submit/report`, {
    expected: /status of 400/,
  })
  const form = page.getByRole('form', { name: 'Parameters of report' })
  const submit = page.getByRole('button', { name: 'Submit', exact: true })
  const remove = (row: number) => form.getByRole('button', { name: `Remove recipients ${row}` })
  await form.waitFor()
  // Whatever the example has.
  while ((await remove(1).count()) > 0) await remove(1).click()
  await form.getByRole('button', { name: 'Add to recipients' }).click()
  await form.getByRole('button', { name: 'Add to recipients' }).click()
  await form.getByRole('button', { name: 'Add to recipients' }).click()
  const row = (name: string) => form.getByRole('group', { name, exact: true })
  await row('recipients 1').getByLabel('name').fill('nobody')
  await row('recipients 2').getByLabel('name').fill('Ann')
  await row('recipients 2').getByLabel('copies').fill('12')
  await remove(1).click()
  expect(await row('recipients 1').getByLabel('name').inputValue()).toBe('Ann')
  await form.getByRole('button', { name: 'disk' }).click()
  await form.getByLabel('path').fill('/tmp')
  await form.getByRole('button', { name: 'mail' }).click()
  await form.getByLabel('address').fill('ann')
  await form.getByLabel('day').fill('2026-01-31')
  await form.getByLabel('at', { exact: true }).fill('2026-01-31T12:00:05')
  expect(await form.getByLabel('token').getAttribute('type')).toBe('password')
  expect(await barriers(page)).toEqual([])
  await submit.click()
  await form.getByText('At most 9').waitFor()
  await form.getByText('Must be an email address').waitFor()
  await row('recipients 2').getByText('Required').waitFor()
  expect(await barriers(page)).toEqual([])

  await form.getByLabel('token').fill('canary')
  await page.reload()
  await page.getByText('Continues your draft.').waitFor()
  expect(await form.getByLabel('token').inputValue()).toBe('')
  expect(await row('recipients 1').getByLabel('copies').inputValue()).toBe('12')
  expect(await form.getByLabel('at', { exact: true }).inputValue()).toBe('2026-01-31T12:00:05')
  await row('recipients 1').getByLabel('copies').fill('2')
  await remove(2).click()
  await form.getByLabel('address').fill('ann@example.com')
  await submit.click()
  await page.waitForURL(/\/tasks\/[\w-]+$/)
  const id = new URL(page.url()).pathname.split('/').at(-1) ?? ''
  const at = await page.evaluate<string>(`new Date('2026-01-31T12:00:05').toISOString()`)
  expect((await api.status(id)).parameters).toEqual({
    recipients: [{ name: 'Ann', copies: 2 }],
    delivery: { by: 'mail', address: 'ann@example.com' },
    day: '2026-01-31',
    at,
  })
  expect(faults).toEqual([])
})
