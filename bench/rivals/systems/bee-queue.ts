import { once } from 'node:events'
import Queue from 'bee-queue'
import type { Opens } from '../system.ts'

export const open: Opens = async ({ redisPort }) => {
  const queue = new Queue<{ n: number }>('bench', {
    redis: { host: '127.0.0.1', port: redisPort },
    activateDelayedJobs: false,
  })
  await queue.ready()
  return {
    submit: (n) => queue.createJob({ n }).save(),
    submitAll: (numbers) => queue.saveAll(numbers.map((n) => queue.createJob({ n }))),
    work: async (slots, ran) =>
      queue.process(slots, async ({ data }: { data: { n: number } }) => ran(data.n)),
    async result(n) {
      const job = queue.createJob({ n })
      const ended = once(job, 'succeeded')
      await job.save()
      await ended
    },
    [Symbol.asyncDispose]: async () => void (await queue.close(1_000).catch(() => undefined)),
  }
}
