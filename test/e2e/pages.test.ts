import chromium from '@sparticuz/chromium'
import { chromium as browsers, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'

let server: TestServer
let browser: Browser

beforeAll(async () => {
  server = await TestServer.start()
  browser = await browsers.launch({
    executablePath: await chromium.executablePath(),
    args: chromium.args,
    headless: true,
  })
}, 60_000)
afterAll(async () => {
  await browser.close()
  await server[Symbol.asyncDispose]()
})

/** A page that notes what it asks of other hosts, and its errors. */
async function open(path: string): Promise<{ page: Page; faults: string[] }> {
  const page = await browser.newPage({ locale: 'en-US' })
  const faults: string[] = []
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url())
    if (protocol.startsWith('http') && origin !== server.url) faults.push(`asks ${request.url()}`)
  })
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text())
  })
  page.on('pageerror', (error) => faults.push(error.message))
  await page.goto(`${server.url}${path}`)
  return { page, faults }
}

test('Swagger UI tries a submit out on a fresh start, and asks nothing of any other host', async () => {
  const { page, faults } = await open('/docs')
  await page.locator('#operations-tasks-submitTask').click()
  await page.getByRole('button', { name: 'Execute' }).first().click()
  const answer = page.locator('.live-responses-table')
  await answer.waitFor()
  expect(await answer.locator('.response-col_status').nth(1).innerText()).toContain('200')
  expect(await answer.innerText()).toContain('"task_type": "add"')
  expect(faults).toEqual([])
}, 60_000)

test('ReDoc shows every group of calls, and asks nothing of any other host', async () => {
  const { page, faults } = await open('/redoc')
  for (const group of ['tasks', 'queue', 'types', 'server']) {
    await page.getByText(group, { exact: true }).first().waitFor()
  }
  await page.getByText('/api/run/{task_type}', { exact: false }).first().waitFor()
  expect(faults).toEqual([])
}, 60_000)
