import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { launchBrowser } from '../support/browser.ts'
import { openPage } from '../support/open-page.ts'
import { TestServer } from '../support/server.ts'

/** A type with sensitive values, in a real browser. */

const password = 'canary-of-the-page'
let browser: Browser
let server: TestServer
beforeAll(async () => {
  browser = await launchBrowser()
  const tasks = join(import.meta.dirname, '../fixtures/sensitive.ts')
  server = await TestServer.start({ arguments: ['serve', '--tasks', tasks] })
})
afterAll(async () => {
  await browser.close()
  await server[Symbol.asyncDispose]()
})

test('a password is hidden while it is typed, on every page, and not submitted again as its mask', async () => {
  const api = new Api(server.url)
  const { page, faults } = await openPage(browser, `${server.url}/submit/secret-inline`)
  const input = page.getByLabel('password')
  expect(await input.getAttribute('type')).toBe('password')
  await input.fill(password)
  const card = page.getByLabel('number')
  expect(await card.getAttribute('type')).toBe('password')
  await card.fill('4929000000006')
  expect(await page.locator('pre').innerText()).toContain('"password": "[redacted]"')
  expect(await page.locator('body').innerText()).not.toContain(password)
  await page.getByRole('button', { name: 'Submit', exact: true }).click()
  await page.waitForURL(/\/tasks\/[\w-]+$/)
  const id = new URL(page.url()).pathname.split('/').at(-1) ?? ''
  await api.untilStatus(id, 'completed')
  await page.getByText('"[redacted]"').first().waitFor()
  const steps = page.getByRole('region', { name: 'Waterfall' })
  await steps.getByText('log in').waitFor()
  expect(await steps.innerText()).toContain('"token":"[redacted]"')
  const isShown = async () => /canary-of|4929000000006/.test(await page.locator('body').innerText())
  expect(await isShown()).toBe(false)

  await page.getByRole('link', { name: 'Run again with changes' }).click()
  await page.getByText('Sensitive values are not shown to you: enter them again.').waitFor()
  expect(await input.inputValue()).toBe('')
  await page.getByRole('button', { name: 'Submit', exact: true }).click()
  await page.getByText('Required').first().waitFor()
  await input.fill(password)
  await page.getByRole('button', { name: 'Submit', exact: true }).click()
  await page.waitForURL((url) => /\/tasks\/[\w-]+$/.test(url.pathname) && !url.pathname.endsWith(id))
  const again = new URL(page.url()).pathname.split('/').at(-1) ?? ''
  await api.untilStatus(again, 'completed')
  expect(await isShown()).toBe(false)

  // Someone may still send the mask itself, as JSON.
  await page.goto(`${server.url}/submit/secret-inline`)
  await page.getByText('JSON', { exact: true }).click()
  await page.getByLabel('Parameters', { exact: true }).fill('{"password": "[redacted]"}')
  await page.getByRole('button', { name: 'Submit', exact: true }).click()
  await page.getByText('only stands for a sensitive value: send the value itself').waitFor()
  expect(faults.filter((fault) => !fault.includes('400'))).toEqual([])
})
