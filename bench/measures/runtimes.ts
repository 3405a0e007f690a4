import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { openTaskManager } from '../../src/index.ts'
import type { AnyTaskType } from '../../src/registry/type.ts'
import { throughput, type Measure } from '../measure.ts'
import * as tasks from '../tasks.ts'

const slots = 16

/** Tasks per second, from submit to result, once the runtime is warm. */
async function cycles(type: AnyTaskType, count: number): Promise<number> {
  const options = { database: 'sqlite::memory:', tasks: [type], maxConcurrent: slots }
  await using manager = await openTaskManager(options)
  const cycle = async () => {
    const { task } = await manager.enqueue(type.type, {})
    await (await manager.handle(task.id)).result()
  }
  await throughput(slots, slots, cycle)
  return await throughput(count, slots, cycle)
}

export const threads: Measure = {
  name: 'no-op tasks in threads',
  aim: 2_000,
  beside: 'a message to a bare worker thread and back',
  ours: () => cycles(tasks.noopThread, 5_000),
  async limit() {
    const worker = new Worker(
      'require("worker_threads").parentPort.on("message", (m) => require("worker_threads").parentPort.postMessage(m))',
      { eval: true },
    )
    const rate = await throughput(20_000, 1, async (n) => {
      worker.postMessage(n)
      await once(worker, 'message')
    })
    await worker.terminate()
    return rate
  },
}

export const processes: Measure = {
  name: 'no-op tasks in processes of their own',
  aim: 10,
  beside: 'a bare Node process that does nothing',
  ours: () => cycles(tasks.noopProcess, 40),
  limit: () => spawned(process.execPath, ['-e', '0'], 40),
}

export const commands: Measure = {
  name: 'commands that do nothing',
  aim: 100,
  beside: 'the same command spawned bare',
  ours: () => cycles(tasks.noopCommand, 500),
  limit: () => spawned('true', [], 500),
}

function spawned(file: string, args: readonly string[], count: number): Promise<number> {
  return throughput(count, slots, async () => {
    await once(spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] }), 'close')
  })
}
