import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { gzipSync } from 'node:zlib'
import { Client } from 'pg'
import { migrations as ofPostgres } from '../src/store/postgres/migrations.ts'
import { migrations as ofSqlite } from '../src/store/sqlite/migrations.ts'
import { version } from '../src/version.ts'
import { contents, fill } from '../test/support/filled.ts'
import { startPostgres } from '../test/support/postgres-server.ts'

/**
 * `npm run release:fixture`: writes what a database of this version looks like, for `test/conformance/releases.test.ts`. Run it
 * once for each release, and never change what it has written.
 */
const folder = join(import.meta.dirname, '../test/fixtures/releases', version)
mkdirSync(folder, { recursive: true })
const own = mkdtempSync(join(tmpdir(), 'fermata-fixture-'))
const path = join(own, 'tasks.db')
await fill(`sqlite:${path}`)
const expected = { sqlite: await contents(`sqlite:${path}`), postgres: {} as unknown }
const db = new DatabaseSync(path)
db.exec('pragma journal_mode = delete; vacuum')
db.close()
writeFileSync(join(folder, 'fermata.db.gz'), gzipSync(readFileSync(path), { level: 9 }))
rmSync(own, { recursive: true })

await using server = await startPostgres()
await fill(server.url)
expected.postgres = await contents(server.url)
const client = new Client({ connectionString: server.url })
await client.connect()
const { rows: tables } = await client.query<{ name: string }>(
  `select relname as name from pg_class where relnamespace = 'fermata'::regnamespace and relkind = 'r' order by 1`,
)
const data: Record<string, unknown> = {}
for (const { name } of tables) {
  const { rows } = await client.query<{ all: unknown }>(
    `select coalesce(json_agg(t), '[]') as all from fermata.${name} t`,
  )
  data[name] = rows[0]?.all
}
const { rows: places } = await client.query<{ last: string }>('select last_value as last from fermata.places')
await client.end()
write('postgres.json', { tables: data, places: Number(places[0]?.last) })
write('schemas.json', { sqlite: ofSqlite, postgres: ofPostgres })
write('expected.json', expected)
process.exit(0)

function write(name: string, value: unknown): void {
  writeFileSync(join(folder, name), `${JSON.stringify(value, null, 1)}\n`)
}
