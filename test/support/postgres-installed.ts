import { execFile, spawn } from 'node:child_process'
import { chmod, chown, glob, mkdtemp, rm } from 'node:fs/promises'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from './ports.ts'

const execute = promisify(execFile)

/** Folders of the programs of each PostgreSQL installed by Debian packages; there may be none. */
export async function installedPostgres(): Promise<readonly Readonly<{ major: string; programs: string }>[]> {
  const found: { major: string; programs: string }[] = []
  for await (const initdb of glob('/usr/lib/postgresql/*/bin/initdb')) {
    const programs = dirname(initdb)
    found.push({ major: basename(dirname(programs)), programs })
  }
  return found.toSorted((a, b) => a.major.localeCompare(b.major))
}

/** A server of these programs, in a folder that goes with it; it does not flush. */
export async function startInstalled(programs: string): Promise<AsyncDisposable & Readonly<{ url: string }>> {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-postgres-'))
  await chmod(folder, 0o755)
  const identity = await userOfServer()
  if (identity !== undefined) await chown(folder, identity.uid, identity.gid)
  const [data, port] = [join(folder, 'data'), await freePort()]
  const init = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
  await execute(join(programs, 'initdb'), init, identity)
  const settings = [
    'fsync=off',
    'full_page_writes=off',
    'max_connections=200',
    `unix_socket_directories=${folder}`,
  ]
  const server = spawn(
    join(programs, 'postgres'),
    ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
    { ...identity, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let log = ''
  const ended = once(server, 'exit')
  await new Promise<void>((resolve, reject) => {
    server.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text
      if (log.includes('ready to accept connections')) resolve()
    })
    void ended.then(() => reject(new Error(`PostgreSQL did not start:\n${log}`)))
  })
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    [Symbol.asyncDispose]: async () => {
      server.kill('SIGINT')
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** PostgreSQL refuses to run as root. */
async function userOfServer(): Promise<Readonly<{ uid: number; gid: number }> | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const id = async (flag: string) => Number((await execute('id', [flag, 'postgres'])).stdout)
  return { uid: await id('-u'), gid: await id('-g') }
}
