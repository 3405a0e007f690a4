import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Chance } from '../support/chance.ts'
import { startPostgres, type PostgresServer } from '../support/postgres-server.ts'
import { TestServer } from '../support/server.ts'
import { monotonic, type Happened } from './journal.ts'

const types = join(import.meta.dirname, '..', 'fixtures', 'chaos.ts')

export type ClusterOptions = Readonly<{
  nodes: number
  slots: number
  /** Seconds. */
  lease: number
  /** URL of the database, with credentials. By default, a separate PostgreSQL. */
  database?: string
  /** Under which command each node is started, and with which other settings. */
  place?: (index: number) => Readonly<{ under?: readonly string[]; env?: Readonly<Record<string, string>> }>
}>

type Member = { readonly index: number; server: TestServer | undefined; state: 'up' | 'frozen' | 'down' }

/** Real nodes, each a process, on one PostgreSQL, and the faults that can be injected. */
export class Cluster implements AsyncDisposable {
  readonly #options: ClusterOptions
  /** Undefined if the database was given. */
  readonly #postgres: PostgresServer | undefined
  readonly #directory: string
  readonly #members: Member[]
  readonly #ended = new Map<number, number>()
  readonly #frozen: Happened['frozen'][number][] = []
  readonly #outages: Happened['outages'][number][] = []
  /** Nodes that cannot reach the database. */
  readonly #cutOff = new Set<number>()
  #databaseAway = false

  private constructor(options: ClusterOptions, postgres: PostgresServer | undefined, directory: string) {
    this.#options = options
    this.#postgres = postgres
    this.#directory = directory
    this.#members = Array.from({ length: options.nodes }, (_, index) => ({
      index,
      server: undefined,
      state: 'down',
    }))
  }

  static async start(options: ClusterOptions): Promise<Cluster> {
    const postgres = options.database === undefined ? await startPostgres() : undefined
    const directory = await mkdtemp(join(tmpdir(), 'fermata-chaos-'))
    const cluster = new Cluster(options, postgres, directory)
    await Promise.all(cluster.#members.map((member) => cluster.#join(member)))
    return cluster
  }

  get journal(): string {
    return join(this.#directory, 'journal')
  }

  /** URL of the database. */
  get database(): string {
    return this.#postgres?.url ?? this.#options.database ?? ''
  }

  get databaseAway(): boolean {
    return this.#databaseAway
  }

  get happened(): Happened {
    const { lease } = this.#options
    return { ended: this.#ended, frozen: this.#frozen, outages: this.#outages, lease: lease * 1_000 }
  }

  /** URLs of the nodes that are not down; frozen ones do not answer. */
  get urls(): string[] {
    return this.#members.flatMap(({ server, state }) =>
      server === undefined || state === 'down' ? [] : [server.url],
    )
  }

  some(chance: Chance): string | undefined {
    return chance.of(this.urls)
  }

  isUp(index: number): boolean {
    return this.#members[index]?.state === 'up'
  }

  /** Waits until the database and every node are up. */
  async whole(): Promise<void> {
    while (this.#databaseAway || this.#members.some(({ state }) => state !== 'up')) await sleep(50)
  }

  async kill(index: number): Promise<void> {
    await this.#end(index, 'SIGKILL')
  }

  async drain(index: number): Promise<void> {
    await this.#end(index, 'SIGTERM')
  }

  async freeze(index: number, ms: number): Promise<void> {
    const member = this.#members[index]
    if (member?.server === undefined || member.state !== 'up') return
    const { server } = member
    member.state = 'frozen'
    const from = monotonic()
    server.signal('SIGSTOP')
    await sleep(ms)
    const to = monotonic()
    server.signal('SIGCONT')
    await fetch(`${server.url}/healthz`).catch(() => undefined)
    this.#frozen.push({ pid: server.pid, from, to, awake: monotonic() })
    if (this.#ended.has(server.pid)) await this.#join(member)
    else member.state = 'up'
  }

  /** Like `pg_ctl stop -m immediate`. */
  async stopDatabase(ms: number): Promise<void> {
    if (this.#databaseAway || this.#postgres === undefined) return
    this.#databaseAway = true
    const from = monotonic()
    await this.#postgres.stop()
    await sleep(ms)
    const to = monotonic()
    await this.#postgres.start()
    this.#outages.push({ from, to })
    this.#databaseAway = false
  }

  /** Takes the database from one node. */
  async cutOff(index: number, ms: number, line: Readonly<{ cut(): void; mend(): void }>): Promise<void> {
    const pid = this.#members[index]?.server?.pid ?? 0
    // The end of one would end the other too.
    if (this.#cutOff.has(index)) return
    this.#cutOff.add(index)
    line.cut()
    // From here on: until then, a renewal may still have come through.
    const from = monotonic()
    await sleep(ms)
    const to = monotonic()
    line.mend()
    this.#cutOff.delete(index)
    this.#outages.push({ from, to, pid })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.#members) member.state = 'down'
    await Promise.all(this.#members.map(async ({ server }) => server?.[Symbol.asyncDispose]()))
    await this.#postgres?.[Symbol.asyncDispose]()
    await rm(this.#directory, { recursive: true, force: true })
  }

  /** Ends the node, and restarts it. */
  async #end(index: number, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const member = this.#members[index]
    if (member?.server === undefined || member.state !== 'up') return
    member.state = 'down'
    await member.server.stop(signal)
    await this.#join(member)
  }

  async #join(member: Member): Promise<void> {
    const { slots, lease, place } = this.#options
    const { under = [], env: own = {} } = place?.(member.index) ?? {}
    const env = {
      DATABASE_URL: `${this.database}${this.database.includes('?') ? '&' : '?'}lease=${lease}`,
      FERMATA_TASKS: types,
      FERMATA_MAX_CONCURRENT: String(slots),
      FERMATA_DRAIN: '2s',
      CHAOS_JOURNAL: this.journal,
      ...own,
    }
    member.state = 'down'
    const before = member.server
    for (;;) {
      try {
        const server = await TestServer.start({ env, under })
        void server.ended.then(() => {
          this.#ended.set(server.pid, monotonic())
          // A node that exits on its own is restarted, as a supervisor would do.
          if (member.server === server && member.state === 'up') void this.#join(member)
        })
        member.server = server
        member.state = 'up'
        break
      } catch {
        await sleep(200)
      }
    }
    await before?.[Symbol.asyncDispose]()
  }
}
