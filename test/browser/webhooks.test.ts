import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { launchBrowser } from '../support/browser.ts'
import { openPage } from '../support/open-page.ts'
import { Receiver } from '../support/receiver.ts'
import { TestServer } from '../support/server.ts'

/** Webhooks of a real server that reach a real receiver, in a real browser. */

let browser: Browser
let server: TestServer
let receiver: Receiver
beforeAll(async () => {
  browser = await launchBrowser()
  receiver = await Receiver.start()
  server = await TestServer.start({ env: { FERMATA_WEBHOOK_ALLOW: '127.0.0.0/8' } })
})
afterAll(async () => {
  await browser.close()
  await server[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
})

test('a webhook is created, tested, paused, rotated, repeats what is dead, and is deleted', async () => {
  const api = new Api(server.url)
  const { page, faults } = await openPage(browser, `${server.url}/webhooks`, {
    expected: /status of 4(?:04|22)/,
  })
  const button = (name: string) => page.getByRole('button', { name, exact: true })
  await page.getByText('No webhooks').waitFor()
  await page.getByRole('link', { name: 'New webhook' }).click()
  await page.getByLabel('URL').fill('http://10.0.0.1/')
  await button('Create webhook').click()
  await page.getByRole('alert').getByText('may not reach').waitFor()
  await page.getByLabel('URL').fill(receiver.url)
  await page.getByLabel('Types').fill('add')
  await button('Create webhook').click()
  const secret = () => page.locator('code').filter({ hasText: 'whsec_' }).innerText()
  const first = await secret()
  expect(first).toMatch(/^whsec_.{32}$/)
  await page.getByLabel('Hide the secret').click()
  expect(await page.content()).not.toContain(first)
  await page.getByText('Only types add').waitFor()
  await page.getByRole('link', { name: receiver.url }).click()
  await page.getByText('No deliveries').waitFor()

  const rows = page.getByRole('region', { name: 'Deliveries' }).getByRole('row')
  await button('Send test').click()
  await rows.filter({ hasText: 'webhook.test' }).getByText('Delivered').waitFor()
  await button('Pause').click()
  await page.getByText('Paused by anonymous').waitFor()
  receiver.answer = (_, response) => void response.writeHead(410).end()
  const task = await api.submit('add', { a: 1, b: 2 })
  const row = rows.filter({ hasText: task.slice(-8) })
  await row.getByText('Pending').waitFor()
  await button('Resume').click()
  await row.getByText('Dead').waitFor()
  await row.getByText('the receiver answered 410').waitFor()
  await page.getByText('Paused by delivery: the receiver answered 410 Gone').waitFor()
  receiver.answer = (_, response) => void response.writeHead(204).end()
  await button('Resume').click()
  await page.getByText('Active', { exact: true }).waitFor()
  await page.getByText('Send all dead ones again').click()
  await row.getByText('Delivered').waitFor()
  await button('Rotate secret').click()
  expect(await secret()).not.toBe(first)

  await button('Delete').click()
  await button('Delete webhook').click()
  await page.getByText('No webhooks').waitFor()
  await page.goto(`${server.url}/webhooks/wh_none`)
  await page.getByText('No webhook has this id').waitFor()
  expect(faults).toEqual([])
})
