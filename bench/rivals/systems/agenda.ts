import { PostgresBackend } from '@agendajs/postgres-backend'
import { Agenda } from 'agenda'
import type { Opens } from '../system.ts'

/** On its PostgreSQL backend with notifications. It has no call for several tasks at once. */
export const open: Opens = async ({ postgres }) => {
  const agenda = new Agenda({
    backend: new PostgresBackend({ poolConfig: { connectionString: postgres, max: 10 } }),
    processEvery: 500,
  })
  await agenda.ready
  const submit = (n: number) => agenda.now('noop', { n })
  return {
    submit,
    submitAll: (numbers) => Promise.all(numbers.map(submit)),
    async work(slots, ran) {
      agenda.maxConcurrency(slots)
      agenda.define<{ n: number }>('noop', async ({ attrs }) => ran(attrs.data.n), {
        concurrency: slots,
        lockLimit: 2 * slots,
      })
      await agenda.start()
    },
    async [Symbol.asyncDispose]() {
      await agenda.stop()
    },
  }
}
