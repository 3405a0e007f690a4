import { Client } from 'pg'
import { expect, inject, test } from 'vitest'
import { statementsFor } from '../../src/store/postgres/statements.ts'
import { openPostgres } from '../../src/store/postgres/store.ts'
import { newSchema } from './stores.ts'

const count = 10_000

/** The pages of all nodes of a plan. */
type Plan = Readonly<{ 'Shared Hit Blocks': number; 'Shared Read Blocks': number }>

test(`a look at ${count} idle schedules reads a few pages, and that for one that is due a few more`, async () => {
  const url = inject('postgres')
  const schema = newSchema()
  await using store = await openPostgres(url, { schema })
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(`insert into ${schema}.schedules (id, type, due_at, version, watches, definition, state)
      select 's' || n, 'work', 4000000000000 + n, 1, false, repeat('x', 1000), '{}' from generate_series(1, ${count}) as n`)
    await client.query(`vacuum analyze ${schema}.schedules`)
    const { dueSchedules, nextSchedule } = statementsFor(schema)
    const pages = async (text: string, values: unknown[]) => {
      const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
        `explain (analyze, buffers, format json) ${text}`,
        values,
      )
      const { Plan: plan } = rows[0]!['QUERY PLAN'][0]
      return plan['Shared Hit Blocks'] + plan['Shared Read Blocks']
    }
    const idle = async () =>
      (await pages(dueSchedules, [null, ['work'], 100])) + (await pages(nextSchedule, [null, ['work']]))
    expect(await idle()).toBeLessThan(30)
    await client.query(`update ${schema}.schedules set due_at = 1 where id = 's5000'`)
    expect(await store.schedules.due(['work'], 100)).toMatchObject({ ids: ['s5000'] })
    expect(await idle()).toBeLessThan(40)
  } finally {
    await client.end()
  }
})
