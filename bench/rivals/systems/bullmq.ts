import { Queue, QueueEvents, Worker } from 'bullmq'
import type { Opens } from '../system.ts'

export const open: Opens = async ({ redisPort }) => {
  const connection = { host: '127.0.0.1', port: redisPort }
  const queue = new Queue<{ n: number }>('bench', { connection })
  await queue.waitUntilReady()
  let worker: Worker | undefined
  let events: QueueEvents | undefined
  return {
    submit: (n) => queue.add('noop', { n }),
    submitAll: (numbers) => queue.addBulk(numbers.map((n) => ({ name: 'noop', data: { n } }))),
    async work(slots, ran) {
      worker = new Worker<{ n: number }>('bench', async ({ data }) => ran(data.n), {
        connection,
        concurrency: slots,
      })
      events = new QueueEvents('bench', { connection })
      events.setMaxListeners(0)
      await Promise.all([worker.waitUntilReady(), events.waitUntilReady()])
    },
    result: async (n) => (await queue.add('noop', { n })).waitUntilFinished(events!),
    async [Symbol.asyncDispose]() {
      await worker?.close(true)
      await events?.close()
      await queue.close()
    },
  }
}
