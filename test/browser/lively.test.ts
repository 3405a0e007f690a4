import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { progressInterval } from '../../src/engine/progress-throttle.ts'
import { Api } from '../support/api.ts'
import { launchBrowser, patience } from '../support/browser.ts'
import { openPage } from '../support/open-page.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

/** Enough running tasks that more happens than anyone can read. */
const tasks = 2_000

let browser: Browser
let server: TestServer
let api: Api
beforeAll(async () => {
  browser = await launchBrowser()
  server = await TestServer.start({
    arguments: ['serve', '--tasks', join(import.meta.dirname, '../fixtures/lively.ts')],
    env: {
      NODE_OPTIONS: '--conditions=fermata-source',
      FERMATA_MAX_CONCURRENT: String(tasks + 1),
      FERMATA_DRAIN: '1s',
    },
  })
  api = new Api(server.url)
})
afterAll(async () => {
  await browser.close()
  await server[Symbol.asyncDispose]()
})

test('the log follows new lines of any length until the reader scrolls back', async () => {
  const id = await api.submit('chatty', {})
  const { page, faults } = await openPage(browser, `${server.url}/tasks/${id}`)
  const log = page.getByRole('log')
  const lines = () => log.evaluate((box) => box.children.length)
  await expect.poll(lines, { timeout: patience }).toBeGreaterThan(30)
  const [farthest, more] = await page.evaluate<[number, number]>(`(async () => {
    const box = document.querySelector('[role="log"]')
    const before = box.children.length
    let farthest = 0
    while (box.children.length < before + 30) {
      await new Promise(requestAnimationFrame)
      farthest = Math.max(farthest, box.scrollHeight - box.scrollTop - box.clientHeight)
    }
    return [farthest, box.children.length - before]
  })()`)
  expect(more).toBeGreaterThanOrEqual(30)
  expect(farthest).toBeLessThanOrEqual(1)

  const follow = page.getByRole('button', { name: 'Follow' })
  // A line that arrives in the same frame as a scroll overrides it, so try again.
  const scrolledBack = async () => {
    await log.evaluate((box) => box.scrollTo({ top: 0 }))
    return follow.isVisible()
  }
  await expect.poll(scrolledBack, { timeout: patience }).toBe(true)
  const seen = await lines()
  await expect.poll(lines, { timeout: patience }).toBeGreaterThan(seen + 10)
  expect(await log.evaluate((box) => box.scrollTop)).toBe(0)
  await follow.click()
  await follow.waitFor({ state: 'hidden' })
  await api.control(id, 'cancel')
  expect(faults).toEqual([])
})

test('the active time of a task keeps counting while progress arrives', async () => {
  const id = await api.submit('flood', { every: 0.05 })
  const { page } = await openPage(browser, `${server.url}/tasks/${id}`)
  const active = page.getByText(/ active$/)
  const seconds = async () => Number(/([\d.]+) s active$/.exec((await active.textContent()) ?? '')?.[1] ?? 0)
  await expect.poll(seconds, { timeout: patience }).toBeGreaterThan(0)
  const first = await seconds()
  await expect.poll(seconds, { timeout: patience, interval: 200 }).toBeGreaterThan(first + 3)
  await api.control(id, 'cancel')
})

test('however often thousands of tasks report, the page receives and draws only what can be followed', async () => {
  await api.post('/api/run/flood/batch', {
    tasks: Array.from({ length: tasks }, () => ({ parameters: { every: 0.05 } })),
  })
  const { page, faults } = await openPage(browser, `${server.url}/types`)
  // Count messages between the connection and the page, at the rate at which the page reads them.
  await page.addInitScript(`
    const asked = globalThis.fetch
    globalThis.streams = 0
    globalThis.messages = 0
    globalThis.fetch = async (...args) => {
      const response = await asked(...args)
      if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response
      globalThis.streams += 1
      const decoder = new TextDecoder()
      const count = new TransformStream({
        transform(chunk, out) {
          globalThis.messages += decoder.decode(chunk, { stream: true }).split('event: progress').length - 1
          out.enqueue(chunk)
        },
      })
      return new Response(response.body.pipeThrough(count), response)
    }
  `)
  await page.goto(`${server.url}/tasks?status=running`)
  const bar = page.getByRole('grid', { name: 'Tasks' }).getByRole('progressbar').first()
  await bar.waitFor()
  await page.evaluate(`(() => {
    const bar = document.querySelector('[role="grid"] [role="progressbar"] > div')
    globalThis.strokes = 0
    new MutationObserver((changes) => (globalThis.strokes += changes.length)).observe(bar, { attributes: true })
  })()`)
  /** Milliseconds since the page began to load, and what has come and was drawn since. */
  const read = () =>
    page.evaluate<[number, number, number, number]>(
      '[performance.now(), globalThis.streams, globalThis.messages, globalThis.strokes]',
    )
  // Progress of every task arrives, often enough to follow it, for at least five seconds.
  const [first] = await read()
  const [now, streams, messages, strokes] = await until('all tasks are followed', async () => {
    const seen = await read()
    return seen[0] > first + 5_000 && seen[2] > 3 * tasks && seen[3] > 2 ? seen : undefined
  })
  expect(streams).toBe(1)
  // Counted from the begin: what came late on a busy machine may come at once.
  const beats = now / progressInterval.length
  expect(messages).toBeLessThanOrEqual((beats + 2) * progressInterval.tasks)
  expect(strokes).toBeLessThanOrEqual(beats + 2)
  expect(faults).toEqual([])
})
