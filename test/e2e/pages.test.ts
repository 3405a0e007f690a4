import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { launchBrowser, visit } from '../support/browser.ts'
import { TestServer } from '../support/server.ts'

let server: TestServer
let browser: Browser

beforeAll(async () => {
  server = await TestServer.start()
  browser = await launchBrowser()
})
afterAll(async () => {
  await browser.close()
  await server[Symbol.asyncDispose]()
})

async function open(path: string) {
  const visited = await visit(browser, `${server.url}${path}`)
  onTestFinished(() => visited[Symbol.asyncDispose]())
  return visited
}

test('Swagger UI can try a submit on a fresh server, and requests nothing from other hosts', async () => {
  const { page, faults } = await open('/docs')
  await page.locator('#operations-tasks-submitTask').click()
  await page.getByRole('button', { name: 'Execute' }).first().click()
  const answer = page.locator('.live-responses-table')
  await answer.waitFor()
  expect(await answer.locator('.response-col_status').nth(1).innerText()).toContain('200')
  expect(await answer.innerText()).toContain('"task_type": "add"')
  expect(faults).toEqual([])
})

test('ReDoc shows every group of calls, and requests nothing from other hosts', async () => {
  const { page, faults } = await open('/redoc')
  for (const group of ['tasks', 'queue', 'types', 'server']) {
    await page.getByText(group, { exact: true }).first().waitFor()
  }
  await page.getByText('/api/run/{task_type}', { exact: false }).first().waitFor()
  expect(faults).toEqual([])
})
