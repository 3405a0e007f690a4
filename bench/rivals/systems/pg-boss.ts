import { PgBoss } from 'pg-boss'
import type { Opens } from '../system.ts'

/** Two workers that fetch 1,000 tasks at a time without pause while batches are full, woken by notifications. */
export const open: Opens = async ({ postgres }) => {
  const boss = new PgBoss({ connectionString: postgres, max: 10 })
  boss.on('error', () => undefined)
  await boss.start()
  await boss.createQueue('noop', { notify: true })
  return {
    submit: (n) => boss.send('noop', { n }),
    submitAll: (numbers) =>
      boss.insert(
        'noop',
        numbers.map((n) => ({ data: { n } })),
      ),
    async work(slots, ran) {
      const options = {
        batchSize: Math.min(1_000, slots),
        localConcurrency: 2,
        pollingIntervalSeconds: 0.5,
        burstWhenBatchFull: true,
      }
      await boss.work<{ n: number }>('noop', options, async (jobs) => {
        for (const { data } of jobs) ran(data.n)
      })
    },
    [Symbol.asyncDispose]: () => boss.stop({ graceful: false }),
  }
}
