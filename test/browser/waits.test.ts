import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { launchBrowser } from '../support/browser.ts'
import { openPage } from '../support/open-page.ts'
import { TestServer } from '../support/server.ts'

/** Questions of real tasks, answered in a real browser. */

let browser: Browser
let server: TestServer
beforeAll(async () => {
  browser = await launchBrowser()
  server = await TestServer.start({
    arguments: ['serve', '--tasks', join(import.meta.dirname, '../fixtures/waits.ts')],
  })
})
afterAll(async () => {
  await browser.close()
  await server[Symbol.asyncDispose]()
})

test('a question is answered in the inbox, and the next one on the page of its task', async () => {
  const api = new Api(server.url)
  const { page, faults } = await openPage(browser, `${server.url}/waits`, { expected: /status of 409/ })
  await page.getByText('Nothing to answer').waitFor()
  const id = await api.submit('waits-inline', {})
  const question = page.getByRole('listitem').filter({ hasText: id.slice(-8) })
  await question.getByText('Ship it?').waitFor()
  await question.getByRole('button', { name: `Answer first of waits-inline ${id}` }).click()
  const form = page.getByRole('form', { name: 'Answer to first' })
  await form.getByLabel('approved').click()
  await form.getByLabel('note').fill('looks good')
  await form.getByRole('button', { name: 'Send answer' }).click()
  await form.waitFor({ state: 'detached' })

  await question.getByText('second').waitFor()
  await question.getByRole('link', { name: id.slice(-8) }).click()
  const second = page.getByRole('form', { name: 'Answer to second' })
  await second.getByLabel('answer').fill('[1')
  await second.getByRole('button', { name: 'Send answer' }).click()
  await second.getByText('JSON').first().waitFor()
  await second.getByLabel('answer').fill('[1]')
  // Somebody else is faster.
  expect((await api.post(`/api/task/${id}/waits/second`, { answer: 'theirs' })).status).toBe(200)
  const { body } = await api.call('GET', `/api/task/${id}/result?wait=60`)
  expect(body['result']).toEqual([{ approved: true, note: 'looks good' }, 'theirs', { timedOut: true }])
  const questions = page.getByRole('region', { name: 'Questions' })
  await questions.getByText('{"approved":true,"note":"looks good"}').waitFor()
  await questions.getByText('"theirs"', { exact: true }).waitFor()
  await questions.getByText('timed out').waitFor()

  await page.goto(`${server.url}/waits?status=closed`)
  await page.getByRole('listitem').filter({ hasText: 'Ship it?' }).getByText('by anonymous').waitFor()
  expect(faults).toEqual([])
})
