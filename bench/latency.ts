import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { openTaskManager } from '../src/index.ts'
import type { AnyTaskType } from '../src/registry/type.ts'
import { listening } from './server.ts'
import { readSteadily, type Latencies } from './steady.ts'
import * as tasks from './tasks.ts'

/**
 * `npm run bench:latency`: how long a pause takes from its request until the code has stopped, for each runtime; and the
 * response times of the API while threads compute, compared with an idle server.
 */
const pauses = 200

function quantile(sorted: readonly number[], share: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(2)
}

async function pauseLatencies(type: AnyTaskType): Promise<number[]> {
  await using manager = await openTaskManager({
    database: 'sqlite::memory:',
    tasks: [type],
    drain: 1,
    cancelGrace: 1,
  })
  const { task } = await manager.enqueue(type.type, {})
  const handle = await manager.handle(task.id)
  for await (const event of handle.events()) if (event.kind === 'progress') break
  const latencies: number[] = []
  for (let count = 0; count < pauses; count++) {
    const began = performance.now()
    const { status } = await handle.pause({ wait: 10_000 })
    if (status !== 'paused') throw new Error(`${type.type} is ${status}`)
    latencies.push(performance.now() - began)
    await handle.resume({ wait: 10_000 })
    await new Promise((resolve) => {
      setTimeout(resolve, 5)
    })
  }
  await handle.cancel()
  return latencies.sort((a, b) => a - b)
}

async function statusLatencies(spinning: number): Promise<Latencies> {
  const server = spawn(
    process.execPath,
    [join(import.meta.dirname, '../src/main.ts'), 'serve', '--tasks', join(import.meta.dirname, 'tasks.ts')],
    {
      env: { PATH: process.env['PATH'], PORT: '0', DATABASE_URL: 'sqlite::memory:', FERMATA_DRAIN: '1s' },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  try {
    const url = await listening(server.stdout)
    const submit = (type: string, parameters: object) =>
      fetch(`${url}/api/run/${type}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ parameters }),
      })
    for (let count = 0; count < spinning; count++) await submit('long-thread', {})
    const { task_id: id } = (await (await submit('add', { a: 1, b: 2 })).json()) as { task_id: string }
    return await readSteadily(`${url}/api/task/${id}/status`, { rate: 500, lasts: 8 })
  } finally {
    server.kill('SIGTERM')
  }
}

console.log('| pause of a task | p50 ms | p99 ms |\n|---|--:|--:|')
for (const type of [tasks.longInline, tasks.longThread, tasks.longProcess, tasks.longCommand]) {
  const sorted = await pauseLatencies(type)
  console.log(`| ${type.runs} | ${quantile(sorted, 0.5)} | ${quantile(sorted, 0.99)} |`)
}
console.log('\n| status reads, 500/s | p50 ms | p99 ms |\n|---|--:|--:|')
for (const spinning of [0, 2]) {
  const sorted = await statusLatencies(spinning)
  console.log(`| ${spinning} threads compute | ${quantile(sorted, 0.5)} | ${quantile(sorted, 0.99)} |`)
}
process.exit(0)
