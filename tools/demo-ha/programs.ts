import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, globSync, openSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'

/** Where Debian packages install them. Throws with what to install if one is missing. */
export function installed(): Readonly<{ etcd: string; patroni: string; postgres: string }> {
  const etcd = '/usr/bin/etcd'
  const patroni = '/usr/bin/patroni'
  const [postgres] = globSync('/usr/lib/postgresql/*/bin/postgres').toSorted().toReversed()
  const missing = [
    ...(existsSync(etcd) ? [] : ['etcd-server']),
    ...(existsSync(patroni) ? [] : ['patroni']),
    ...(postgres === undefined ? ['postgresql'] : []),
  ]
  if (postgres === undefined || missing.length > 0) {
    throw new Error(
      `this needs ${missing.join(', ')}, of Debian or a system like it: apt-get install -y --no-install-recommends ${missing.join(' ')}`,
    )
  }
  return { etcd, patroni, postgres }
}

/** What was started here, and ends with it. */
export class Programs implements AsyncDisposable {
  readonly #children = new Set<ChildProcess>()
  readonly #user: Readonly<{ uid: number; gid: number }> | undefined

  /** `user`: the user they run as. */
  constructor(user: Readonly<{ uid: number; gid: number }> | undefined) {
    this.#user = user
  }

  start(file: string, args: readonly string[], log: string): ChildProcess {
    const out = openSync(log, 'a')
    const child = spawn(file, args, { stdio: ['ignore', out, out], ...this.#user })
    this.#children.add(child)
    child.once('close', () => this.#children.delete(child))
    return child
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ending = [...this.#children].map(
      (child) =>
        new Promise<void>((resolve) => {
          const force = setTimeout(() => child.kill('SIGKILL'), 10_000)
          child.once('close', () => {
            clearTimeout(force)
            resolve()
          })
          child.kill('SIGTERM')
        }),
    )
    await Promise.all(ending)
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => {
    probe.listen(0, '127.0.0.1', resolve)
  })
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => {
    probe.close(resolve)
  })
  return port
}
