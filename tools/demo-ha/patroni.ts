import { readFileSync } from 'node:fs'
import { chown, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChildProcess } from 'node:child_process'
import { freePort, type installed, type Programs } from './programs.ts'

type Member = Readonly<{
  name: string
  data: string
  /** Of its server, and of its status endpoint. */
  port: number
  rest: number
  program: ChildProcess
}>

export type Role = Readonly<{ name: string; role: string; state: string }>

/** Three servers, of which one leads and one is a synchronous standby, managed by Patroni and etcd. */
export class PatroniCluster {
  readonly #members: readonly Member[]

  private constructor(members: readonly Member[]) {
    this.#members = members
  }

  static async start(
    folder: string,
    programs: Programs,
    { etcd, patroni, postgres }: ReturnType<typeof installed>,
    owner: Readonly<{ uid: number; gid: number }> | undefined,
  ): Promise<PatroniCluster> {
    const [client, peer] = [await freePort(), await freePort()]
    const at = (port: number) => `http://127.0.0.1:${port}`
    const etcdFlags = {
      name: 'etcd',
      'data-dir': join(folder, 'etcd'),
      'listen-client-urls': at(client),
      'advertise-client-urls': at(client),
      'listen-peer-urls': at(peer),
      'initial-advertise-peer-urls': at(peer),
      'initial-cluster': `etcd=${at(peer)}`,
    }
    const flags = Object.entries(etcdFlags).flatMap(([name, value]) => [`--${name}`, value])
    programs.start(etcd, flags, join(folder, 'etcd.log'))
    const members: Member[] = []
    for (const name of ['one', 'two', 'three']) {
      const [port, rest] = [await freePort(), await freePort()]
      const data = join(folder, name, 'data')
      await mkdir(join(folder, name))
      if (owner !== undefined) await chown(join(folder, name), owner.uid, owner.gid)
      const settings = settingsOf({ name, port, rest, etcd: client, data, bin: dirname(postgres) })
      await writeFile(join(folder, `${name}.yml`), JSON.stringify(settings))
      const log = join(folder, `${name}.log`)
      members.push({
        name,
        data,
        port,
        rest,
        program: programs.start(patroni, [join(folder, `${name}.yml`)], log),
      })
    }
    return new PatroniCluster(members)
  }

  /** Names all servers; the leader is found. */
  get url(): string {
    const hosts = this.#members.map(({ port }) => `127.0.0.1:${port}`).join(',')
    return `postgres://postgres:postgres@${hosts}/postgres?target_session_attrs=read-write`
  }

  /** Each member as seen by the first one that responds. */
  async roles(): Promise<readonly Role[]> {
    for (const { rest } of this.#members) {
      try {
        const answer = await fetch(`http://127.0.0.1:${rest}/cluster`)
        return ((await answer.json()) as { members?: Role[] }).members ?? []
      } catch {
        // It is not running.
      }
    }
    return []
  }

  async until(reached: (roles: readonly Role[]) => boolean, seconds: number): Promise<readonly Role[]> {
    const end = performance.now() + seconds * 1_000
    for (;;) {
      const roles = await this.roles()
      if (reached(roles)) return roles
      if (performance.now() > end) throw new Error(`the servers are ${JSON.stringify(roles)}`)
      await sleep(200)
    }
  }

  /** As if its machine lost power: neither the server nor its manager says a word. */
  killLeader(roles: readonly Role[]): string {
    const leader = this.#members.find(({ name }) => isLeader(roles.find((role) => role.name === name)))
    if (leader === undefined) throw new Error('there is no leader')
    const [pid] = readFileSync(join(leader.data, 'postmaster.pid'), 'utf8').split('\n')
    leader.program.kill('SIGKILL')
    process.kill(Number(pid), 'SIGKILL')
    return leader.name
  }
}

export function isLeader(role: Role | undefined): boolean {
  return role?.role === 'leader' || role?.role === 'master'
}

type Place = Readonly<{ name: string; port: number; rest: number; etcd: number; data: string; bin: string }>

/** JSON is valid YAML. The times are the shortest that Patroni accepts: they determine the length of a fail-over. */
function settingsOf({ name, port, rest, etcd, data, bin }: Place) {
  const connections = [
    'local all all trust',
    'host all all 127.0.0.1/32 md5',
    'host replication all 127.0.0.1/32 md5',
  ]
  return {
    scope: 'fermata',
    name,
    restapi: { listen: `127.0.0.1:${rest}`, connect_address: `127.0.0.1:${rest}` },
    etcd3: { host: `127.0.0.1:${etcd}` },
    bootstrap: {
      dcs: {
        ttl: 20,
        loop_wait: 2,
        retry_timeout: 4,
        synchronous_mode: true,
        postgresql: { use_pg_rewind: false, parameters: { max_connections: 100, max_wal_senders: 10 } },
      },
      initdb: [{ encoding: 'UTF8' }, { locale: 'C' }],
      pg_hba: connections,
    },
    postgresql: {
      listen: `127.0.0.1:${port}`,
      connect_address: `127.0.0.1:${port}`,
      data_dir: data,
      bin_dir: bin,
      pgpass: join(dirname(data), 'pgpass'),
      authentication: {
        superuser: { username: 'postgres', password: 'postgres' },
        replication: { username: 'replicator', password: 'replicator' },
      },
      parameters: { unix_socket_directories: dirname(data), synchronous_commit: 'on' },
    },
  }
}
