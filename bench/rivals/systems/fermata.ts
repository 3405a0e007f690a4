import { join } from 'node:path'
import { z } from 'zod'
import { defineTask, openTaskManager } from '../../../src/index.ts'
import type { Places, System } from '../system.ts'

export const openEmbedded = ({ folder }: Places) => open(`sqlite:${join(folder, 'fermata.db')}`)
export const openOnPostgres = ({ postgres }: Places) => open(postgres)

/** As it comes. The first task manager only accepts tasks; a second one with slots takes its place to run them. */
async function open(database: string): Promise<System> {
  let ran: (n: number) => void = () => undefined
  const noop = defineTask({
    type: 'noop',
    parameters: z.object({ n: z.number() }),
    run: ({ n }) => {
      ran(n)
      return null
    },
  })
  const start = (maxConcurrent: number) => openTaskManager({ database, tasks: [noop], maxConcurrent })
  let manager = await start(0)
  return {
    submit: (n) => manager.submit(noop, { n }),
    submitAll: (numbers) =>
      manager.submitAll(
        noop,
        numbers.map((n) => ({ n })),
      ),
    async work(slots, note) {
      ran = note
      await manager.close()
      manager = await start(slots)
    },
    result: async (n) => (await manager.submit(noop, { n })).result(),
    [Symbol.asyncDispose]: () => manager.close(),
  }
}
