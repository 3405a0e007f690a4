import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { CDPSession, Page } from 'playwright-core'
import { Fermata } from '../src/client/index.ts'
import { launchBrowser, visit } from '../test/support/browser.ts'
import { setup as buildPage } from '../test/support/built.ts'
import { TestServer } from '../test/support/server.ts'

/**
 * `npm run bench:page`: the web page in a real browser while thousands of tasks change every second: time to first paint,
 * frame times, and memory of the tab. Also the first paint on slow 3G. `-- --minutes 10 --tasks 10000 --path /tasks`.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    tasks: { type: 'string', default: '10000' },
    path: { type: 'string', default: '/' },
  },
})
const minutes = Number(values.minutes)
const tasks = Number(values.tasks)
/** Seconds between two lines of output. */
const every = Math.min(60, (minutes * 60) / 5)

await buildPage()
await using server = await TestServer.start({
  arguments: ['serve', '--tasks', join(import.meta.dirname, 'servers', 'pulse.ts')],
  env: {
    NODE_OPTIONS: '--conditions=fermata-source',
    FERMATA_MAX_CONCURRENT: String(tasks),
    FERMATA_DRAIN: '1s',
  },
})
const client = new Fermata({ url: server.url })
await client.submitAll(
  'pulse',
  Array.from({ length: tasks }, () => ({})),
)
const browser = await launchBrowser()
await using visited = await visit(browser, `${server.url}${values.path}`)
const { page, faults } = visited
await page.getByRole('heading', { level: 1 }).waitFor()
console.log(`${values.path} with ${tasks} tasks that change once a second, for ${minutes} minutes`)
console.log(`first paint after ${await firstPaint(page)} ms, ${await firstPaintOnSlow3g()} ms on slow 3G\n`)

await page.evaluate(`
  globalThis.frames_ = []
  let last = performance.now()
  const frame = (now) => { globalThis.frames_.push(now - last); last = now; requestAnimationFrame(frame) }
  requestAnimationFrame(frame)
`)
const devtools = await page.context().newCDPSession(page)
await devtools.send('Performance.enable')
console.log('| after s | frames/s | p50 ms | p95 ms | p99 ms | max ms | heap MB | nodes | running |')
console.log('|--:|--:|--:|--:|--:|--:|--:|--:|--:|')
for (let second = 0; second < minutes * 60; second += every) {
  await sleep(every * 1_000)
  const frames = await page.evaluate<number[]>('globalThis.frames_.splice(0).sort((a, b) => a - b)')
  const at = (share: number) => (frames[Math.floor((frames.length - 1) * share)] ?? 0).toFixed(0)
  const { heap, nodes } = await memory(devtools)
  const { counts } = await client.getStats()
  const figures = [
    second + every,
    (frames.length / every).toFixed(0),
    at(0.5),
    at(0.95),
    at(0.99),
    at(1),
    heap,
    nodes,
  ]
  console.log(`| ${[...figures, counts.running ?? 0].join(' | ')} |`)
}
if (faults.length > 0) console.log(`\nfaults: ${faults.join(', ')}`)
await browser.close()

/** 400 kbit/s with a latency of 400 ms. */
async function firstPaintOnSlow3g(): Promise<string> {
  await using slow = await visit(browser, 'about:blank')
  const network = await slow.page.context().newCDPSession(slow.page)
  await network.send('Network.enable')
  await network.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 400,
    downloadThroughput: 50_000,
    uploadThroughput: 50_000,
  })
  await slow.page.goto(`${server.url}${values.path}`, { timeout: 120_000 })
  await slow.page.getByRole('heading', { level: 1 }).waitFor({ timeout: 120_000 })
  return firstPaint(slow.page)
}

async function firstPaint(of: Page): Promise<string> {
  const time = await of.evaluate<number>(
    `performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN`,
  )
  return time.toFixed(0)
}

/** Heap size after garbage collection. */
async function memory(of: CDPSession): Promise<Readonly<{ heap: string; nodes: number }>> {
  await of.send('HeapProfiler.collectGarbage')
  const { metrics } = await of.send('Performance.getMetrics')
  const metric = (name: string) => metrics.find((one) => one.name === name)?.value ?? 0
  return { heap: (metric('JSHeapUsedSize') / 2 ** 20).toFixed(1), nodes: metric('Nodes') }
}
