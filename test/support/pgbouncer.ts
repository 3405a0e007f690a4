import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './ports.ts'

/** Where Debian's package installs it. */
const program = '/usr/sbin/pgbouncer'

/** Undefined if it is not installed, which is reported; an error if tests must not skip it. */
export async function startPgBouncer(
  target: string,
): Promise<(AsyncDisposable & Readonly<{ url: string }>) | undefined> {
  if (!existsSync(program)) {
    const told = `${program} is not there, so nothing was tested behind a pooler: apt-get install -y pgbouncer`
    if (process.env['TEST_POOLER'] === 'required') throw new Error(told)
    process.stderr.write(`\n${told}\n\n`)
    return undefined
  }
  const { hostname, port: from } = new URL(target)
  const folder = await mkdtemp(join(tmpdir(), 'fermata-pgbouncer-'))
  await chmod(folder, 0o755)
  const port = await freePort()
  const settings = join(folder, 'pgbouncer.ini')
  await writeFile(
    settings,
    `[databases]
postgres = host=${hostname} port=${from} user=postgres password=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
`,
  )
  const root = process.getuid?.() === 0
  const user = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  const child = spawn(program, [settings], {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(root ? { uid: user('-u'), gid: user('-g') } : {}),
  })
  let told = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told += text))
  const ended = new Promise((resolve) => {
    child.once('close', resolve)
  })
  while (!(await listens(port))) {
    if (child.exitCode !== null) throw new Error(`pgbouncer did not start:\n${told}`)
    await sleep(20)
  }
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM')
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
