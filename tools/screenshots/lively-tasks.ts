import { setTimeout as sleep } from 'node:timers/promises'
import { Fermata } from '../../src/client/index.ts'

/** Seconds for which tasks are submitted, so that the charts have data. */
const lively = 80

/** Fills a server with tasks in every state, like a working day; returns the ids of some of them. */
export async function livelyTasks(
  url: string,
): Promise<Readonly<{ running: string; failed: string; order: string }>> {
  const client = new Fermata({ url })
  await client.setLimit('mail-api', { concurrency: 2, rate: { limit: 10, per: '1m' } })
  for (const [id, cron] of [
    ['nightly', '30 2 * * *'],
    ['reports', '0 8 * * 1-5'],
  ] as const) {
    await client.createSchedule({
      id,
      type: 'add',
      parameters: { a: 1, b: 2 },
      cron,
      timezone: 'Europe/Berlin',
    })
  }
  await client.createWebhook({ url: 'https://hooks.example/fermata', events: ['task.failed'] })
  for (const key of ['acme', 'acme', 'acme', 'globex'])
    await client.submit('long', { duration: 300 }, { tags: ['mail'], limits: { 'mail-api': key } })
  const shown = await client.submit(
    'long',
    { duration: 240, steps: 480 },
    { tags: ['nightly', 'customer-7'], priority: 5 },
  )
  for (const [duration, tag] of [
    [90, 'nightly'],
    [300, 'import'],
    [600, 'customer-3'],
    [180, 'nightly'],
  ] as const) {
    await client.submit('long', { duration, steps: 200 }, { tags: [tag] })
  }
  const paused = await client.submit('long', { duration: 120, steps: 60 }, { tags: ['customer-3'] })
  for (const name of ['Report', 'Invoices']) {
    await client.submit(
      'words',
      { text: `${name} of the month\n`.repeat(40), delay: 4 },
      { tags: ['reports'] },
    )
  }
  await client.submit('add', { a: 20, b: 22 }, { delay: '2h', tags: ['later'] })
  await client.submit('long', { duration: 60 }, { delay: '45m', tags: ['nightly'] })
  await client.submit(
    'import',
    { from: 'orders.jsonl', to: 'sums.json' },
    { tags: ['import'], max_attempts: 1 },
  )
  const failed = await client.submit(
    'long',
    { duration: 600 },
    { timeout: 2, tags: ['customer-9'], max_attempts: 3, backoff: { base: 1 } },
  )
  const order = await client.submit('order', { item: 'A grand piano', total: 24_000 })
  const cancelled = await client.submit('long', { duration: 600 })
  await sleep(3_000)
  await client.pauseTask(paused.id)
  await client.cancelTask(cancelled.id)
  for (let second = 0; second < lively; second++) {
    const some = Math.round(6 + 5 * Math.sin(second / 9))
    await client.submitAll(
      'add',
      Array.from({ length: some }, (_, b) => ({ a: second, b })),
    )
    if (second % 4 === 0) await client.submit('fib', { n: 200_000 + second }, { tags: ['numbers'] })
    if (second === 20) {
      await client.pauseTask(shown.id)
      await sleep(6_000)
      await client.resumeTask(shown.id)
    }
    await sleep(1_000)
  }
  await client.submitAll(
    'long',
    Array.from({ length: 6 }, () => ({ duration: 30 })),
    { tags: ['backlog'] },
  )
  return { running: shown.id, failed: failed.id, order: order.id }
}
