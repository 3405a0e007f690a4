import { join } from 'node:path'
import { Queue, Worker } from 'bunqueue/client'
import type { Places, System } from '../system.ts'

export const openAsItComes = (places: Places) => open(places, false)
/** Every submit is written at once instead of being buffered for 10 ms. Its SQLite does not flush commits to the disk. */
export const openDurable = (places: Places) => open(places, true)

/** Embedded, with an SQLite file. Runs on Bun only. */
async function open({ folder }: Places, durable: boolean): Promise<System> {
  const dataPath = join(folder, 'bunqueue.db')
  const queue = new Queue<{ n: number }>('bench', { embedded: true, dataPath })
  const opts = { durable }
  let worker: Worker<{ n: number }> | undefined
  const waiting = new Map<string, () => void>()
  return {
    submit: (n) => queue.add('noop', { n }, opts),
    submitAll: (numbers) => queue.addBulk(numbers.map((n) => ({ name: 'noop', data: { n }, opts }))),
    async work(slots, ran) {
      worker = new Worker<{ n: number }>('bench', async ({ data }: { data: { n: number } }) => ran(data.n), {
        embedded: true,
        dataPath,
        concurrency: slots,
      })
      worker.on('completed', ({ id }: { id: string }) => {
        waiting.get(id)?.()
        waiting.delete(id)
      })
    },
    async [Symbol.asyncDispose]() {
      await worker?.close(true)
      await queue.close()
    },
  }
}
