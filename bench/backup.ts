import { createReadStream } from 'node:fs'
import { z } from 'zod'
import { defineTask, openTaskManager } from '../src/index.ts'
import { temporaryFolder } from './place.ts'

/** `npm run bench:backup [-- tasks]`: latency of single submits without and during backups, on a database of that many tasks. */
const tasks = Number(process.argv[2] ?? 200_000)
const rate = 5_000
const seconds = 10

using there = temporaryFolder()
const noop = defineTask({ type: 'noop', parameters: z.object({ a: z.number() }), run: () => null })
await using manager = await openTaskManager({
  database: `sqlite:${there.file('tasks.db')}`,
  tasks: [noop],
  maxConcurrent: 0,
})
const list = Array.from({ length: 10_000 }, (_, a) => ({ a }))
for (let done = 0; done < tasks; done += list.length) await manager.submitAll(noop, list)

console.log('| | submits/s | p50 ms | p99 ms | longest ms | backups |\n|---|--:|--:|--:|--:|--:|')
await measured('without', async () => {})
await measured('during backups', async () => {
  await using backup = await manager.backup()
  // Read as a client reads it.
  for await (const _ of createReadStream(backup.path));
})
await measured('without, again', async () => {})

/** Submits at the rate, and does this again and again. */
async function measured(name: string, work: () => Promise<void>): Promise<void> {
  const latencies: number[] = []
  const began = performance.now()
  const isOver = () => performance.now() - began > seconds * 1_000
  let backups = 0
  const working = (async () => {
    while (!isOver()) {
      await work()
      backups += 1
      await new Promise((resolve) => {
        setTimeout(resolve, 100)
      })
    }
  })()
  let sent = 0
  const waiting = new Set<Promise<unknown>>()
  while (!isOver()) {
    const due = ((performance.now() - began) / 1_000) * rate
    for (; sent < due; sent++) {
      const at = performance.now()
      const one = manager.submit(noop, { a: sent }).then(() => {
        latencies.push(performance.now() - at)
        waiting.delete(one)
      })
      waiting.add(one)
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 1)
    })
  }
  await Promise.all([...waiting, working])
  const sorted = latencies.toSorted((a, b) => a - b)
  const part = (share: number) => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(1)
  const perSecond = Math.round(sorted.length / ((performance.now() - began) / 1_000))
  console.log(`| ${name} | ${perSecond} | ${part(0.5)} | ${part(0.99)} | ${part(1)} | ${backups} |`)
}
