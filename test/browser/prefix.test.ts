import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { launchBrowser, patience } from '../support/browser.ts'
import { openPage } from '../support/open-page.ts'
import { PrefixProxy } from '../support/proxy.ts'
import { TestServer } from '../support/server.ts'

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())

describe.each([
  ['takes the prefix off', true, {}],
  ['leaves the prefix, which the server knows', false, { FERMATA_BASE_PATH: '/tools/fermata' }],
] as const)('behind a proxy that %s', (_, strips, env) => {
  let server: TestServer
  let proxy: PrefixProxy
  let id: string
  beforeAll(async () => {
    server = await TestServer.start({ env })
    proxy = await PrefixProxy.to(server.port, '/tools/fermata', { strips })
    id = await new Api(server.url).submit('long', { duration: 900, steps: 9_000 })
  })
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })

  test('every page opens, and stays below the prefix', async () => {
    const { page, faults } = await openPage(browser, `${proxy.url}/`)
    for (const path of ['/', '/tasks', '/tasks/', `/tasks/${id}`, '/submit/add', '/types', '/nodes']) {
      await page.goto(`${proxy.url}${path}`)
      await page.getByRole('heading', { level: 1 }).waitFor()
      await page.getByRole('navigation').getByRole('link', { name: 'Nodes' }).click()
      await page.getByRole('heading', { level: 1, name: 'Nodes' }).waitFor()
      expect(page.url()).toBe(`${proxy.url}/nodes`)
    }
    await page.reload()
    await page.getByRole('heading', { level: 1, name: 'Nodes' }).waitFor()
    expect(faults).toEqual([])
  })

  test('a task can be watched and controlled', async () => {
    const { page, faults } = await openPage(browser, `${proxy.url}/tasks`)
    await page.getByRole('grid', { name: 'Tasks' }).getByRole('link').first().click()
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByRole('button', { name: 'Resume' }).waitFor()
    expect(page.url()).toBe(`${proxy.url}/tasks/${id}`)
    await page.getByRole('button', { name: 'Resume' }).click()
    await page.getByRole('button', { name: 'Pause' }).waitFor()
    expect(faults).toEqual([])
  })

  test('Swagger UI calls the API below the prefix', async () => {
    const { page, faults } = await openPage(browser, `${proxy.url}/docs#/types/listTypes`)
    const call = page.locator('#operations-types-listTypes')
    await call.getByRole('button', { name: 'Execute' }).click()
    const asked = call.locator('.request-url pre')
    await expect.poll(() => asked.textContent(), { timeout: patience }).toBe(`${proxy.url}/api/tasks`)
    await call.getByText('available_tasks').first().waitFor()
    expect(faults).toEqual([])
  })

  test('ReDoc shows the document', async () => {
    const { page, faults } = await openPage(browser, `${proxy.url}/redoc`)
    await page.getByText(proxy.url, { exact: true }).waitFor()
    await page.getByText('/api/run/{task_type}/batch', { exact: true }).first().waitFor()
    expect(faults).toEqual([])
  })
})
