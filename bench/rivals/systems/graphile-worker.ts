import { Logger, makeWorkerUtils, run, type Runner } from 'graphile-worker'
import type { Opens } from '../system.ts'

/** With a local queue and batched completions, as its documentation advises for throughput. It keeps no results. */
export const open: Opens = async ({ postgres }) => {
  const logger = new Logger(() => () => undefined)
  const utils = await makeWorkerUtils({ connectionString: postgres, logger })
  await utils.migrate()
  let runner: Runner | undefined
  return {
    submit: (n) => utils.addJob('noop', { n }),
    submitAll: (numbers) => utils.addJobs(numbers.map((n) => ({ identifier: 'noop', payload: { n } }))),
    async work(slots, ran) {
      runner = await run({
        connectionString: postgres,
        logger,
        noHandleSignals: true,
        taskList: { noop: async (payload) => ran((payload as { n: number }).n) },
        preset: {
          worker: {
            concurrentJobs: slots,
            maxPoolSize: 10,
            pollInterval: 2_000,
            localQueue: { size: 500 },
            completeJobBatchDelay: 0,
            failJobBatchDelay: 0,
          },
        },
      })
    },
    async [Symbol.asyncDispose]() {
      await runner?.stop().catch(() => undefined)
      await utils.release()
    },
  }
}
