import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { Client } from 'pg'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { migrations as ofPostgres } from '../../src/store/postgres/migrations.ts'
import { migrations as ofSqlite } from '../../src/store/sqlite/migrations.ts'
import { at, contents } from '../support/filled.ts'
import { node } from '../support/tasks.ts'
import { newSchema } from './stores.ts'

type Contents = Awaited<ReturnType<typeof contents>>

const releases = join(import.meta.dirname, '../fixtures/releases')
const folder = mkdtempSync(join(tmpdir(), 'fermata-releases-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A database of each release, as it left it. The tool `release:fixture` has written them. */
describe.each(readdirSync(releases))('a database of version %s', (version) => {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(releases, version, name), 'utf8'))
  const expected = read('expected.json') as Readonly<{ sqlite: Contents; postgres: Contents }>
  const schemas = read('schemas.json') as Readonly<{ sqlite: string[]; postgres: string[] }>

  test('on SQLite is opened with everything in it, and its tasks continue', async () => {
    const path = join(folder, `${version}.db`)
    writeFileSync(path, gunzipSync(readFileSync(join(releases, version, 'fermata.db.gz'))))
    await mustContinue(`sqlite:${path}`, expected.sqlite)
  })

  test('on PostgreSQL is opened with everything in it, and its tasks continue', async () => {
    const { url } = inject('everyPostgres')[0]!
    const schema = newSchema()
    await restore(url, schema, schemas.postgres, read('postgres.json') as Dump)
    await mustContinue(`${url}?schema=${schema}`, expected.postgres)
  })

  test('was made by migrations that have not changed since', () => {
    expect(ofSqlite.slice(0, schemas.sqlite.length)).toEqual(schemas.sqlite)
    expect(ofPostgres.slice(0, schemas.postgres.length)).toEqual(schemas.postgres)
  })
})

type Dump = Readonly<{ tables: Readonly<Record<string, unknown[]>>; places: number }>

async function restore(
  url: string,
  schema: string,
  ddl: readonly string[],
  { tables, places }: Dump,
): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query(`create schema ${schema}`)
  await client.query(
    `create table ${schema}.migrations (version integer primary key, applied_at timestamptz not null default now())`,
  )
  for (const text of ddl) await client.query(text.replaceAll('S.', `${schema}.`))
  for (const [table, rows] of Object.entries(tables)) {
    await client.query(
      `insert into ${schema}.${table} overriding system value
        select * from json_populate_recordset(null::${schema}.${table}, $1::json)`,
      [JSON.stringify(rows)],
    )
  }
  await client.query(`select setval('${schema}.places', $1)`, [places])
  await client.end()
}

async function mustContinue(database: string, expected: Contents): Promise<void> {
  const found = await contents(database)
  expect(found.ids.length).toBe(9)
  // Later versions may add to what is shown.
  expect(found).toMatchObject(expected)
  await at(database, async (store) => {
    await store.startNode(node('next'))
    const lost = await store.reap({ poisonLimit: 3 })
    expect(lost.map(({ task }) => task.id).toSorted()).toEqual(['task-parked', 'task-running'])
    await store.hold('work', false, 'next')
    const claimed = await store.claim({
      node: 'next',
      limit: 1,
      types: [{ type: 'work', concurrency: null }],
    })
    expect(claimed[0]?.task.id).toBe('task-running')
    const again = await store.control([{ id: 'task-failed', control: 'retry', by: 'next' }])
    expect(again).toMatchObject([{ kind: 'moved', task: { status: 'queued' } }])
  })
}
