import type { Clock } from '../core/clock.ts'
import type { Tenant } from '../core/lease.ts'
import { isTerminal, type Fence, type Task, type TaskId } from '../core/task.ts'
import type { Move } from '../core/transition.ts'
import type { Bus } from '../journal/bus.ts'
import type { Report } from '../journal/event.ts'
import type { Journal, Subscriber } from '../journal/journal.ts'
import type { Signal, Signals } from '../store/sharing.ts'
import type { Store } from '../store/store.ts'
import { Loop } from '../core/loop.ts'
import type { Logger } from '../core/logger.ts'

export type ClusterSyncOptions = Readonly<{
  store: Store
  signals: Signals
  bus: Bus
  clock: Clock
  logger: Logger
  tenant: Tenant
  journal: Journal
  code: LocalCode
  /** Claims tasks that other nodes have queued and cannot start. */
  claimer: Readonly<{ kick(): void }>
  /** The types that this node runs. */
  types: readonly string[]
}>

/** The live task code on this node. */
export type LocalCode = Readonly<{
  ids(): Iterable<TaskId>
  has(id: TaskId): boolean
  freeSlots: number
}>

/** Times of progress are those of the node with that fence: they are only comparable within one fence. */
type Seen = Readonly<{ version: number; fence: Fence; progressAt: number }>

/** Milliseconds between polls of whatever is followed: the maximum cost of a lost signal. */
const lookEvery = 1_000
/** Delay between a new listener and the signal to other nodes: tasks that end sooner need none. */
const gatherFor = 30
/** After that signal, a poll catches what happened before it was received. */
const lookAfter = 60
/** Between polls of a task for which a control was requested, for as long as the other node may itself need to poll. */
const lookCloselyEvery = 200
const looksClosely = 10
/** How long a node reports changes of tasks that another one has asked for; renewed in time. */
const interestLasts = 30_000
const askAgainAfter = 10_000
const saidAfter = 150
/** Maximum number of tasks that other nodes wait for. */
const mostWanted = 100_000

/**
 * Brings in what other nodes do to tasks that have listeners or code here, and tells other nodes what this one waits for.
 * Signals make it fast, polling makes it certain.
 */
export class ClusterSync implements Subscriber {
  readonly #options: ClusterSyncOptions
  readonly #looker: Loop
  /** What local listeners have seen of a task. */
  readonly #seen = new Map<TaskId, Seen>()
  /** What other nodes wait for, and until when. */
  readonly #wanted = new Map<TaskId, number>()
  #newlyWatched = new Set<TaskId>()
  #gathering = false
  #progressed = new Set<TaskId>()
  #lastAsked = 0
  #stops: (() => void)[] = []
  #isRunning = false

  constructor(options: ClusterSyncOptions) {
    this.#options = options
    this.#looker = new Loop('follow', options.clock, options.logger, () => this.#lookAtAll())
  }

  start(): void {
    const { bus, signals, logger } = this.#options
    this.#isRunning = true
    this.#stops = [
      bus.onWatch((id) => this.#watched(id)),
      signals.hear(
        (signal) => this.#heard(signal),
        (payload) =>
          logger.warn(
            { payload: payload.slice(0, 200) },
            'ignoring notifications on the node channel of the database that do not come from a node',
          ),
      ),
    ]
    this.#looker.kick()
  }

  /** A caller waits for the effect of a control: if signals are lost, it takes at most two polls, one on each side. */
  lookClosely(id: TaskId, times: number = looksClosely): void {
    this.#options.clock.after(lookCloselyEvery, () => {
      if (times === 0 || this.#elsewhere([id]).length === 0) return
      void this.#look([id])
      this.lookClosely(id, times - 1)
    })
  }

  async stop(): Promise<void> {
    this.#isRunning = false
    for (const stop of this.#stops) stop()
    await this.#looker.stop()
  }

  reported(report: Report): void {
    if (report.kind === 'log' || !this.#isRunning) return
    const { bus, clock } = this.#options
    const { id } = report
    if (bus.isWatched(id))
      this.#seen.set(id, { ...(this.#seen.get(id) ?? unseen), progressAt: report.progress.at })
    if (!this.#isWanted(id)) return
    if (this.#progressed.size === 0) clock.after(saidAfter, () => this.#sayProgress())
    this.#progressed.add(id)
  }

  moved({ task }: Move): void {
    if (!this.#isRunning) return
    const { bus, signals, tenant, types, code } = this.#options
    const { id } = task
    if (bus.isWatched(id)) this.#note(task)
    const isWanted = this.#isWanted(id)
    const elsewhere = task.ownerNode !== null && task.ownerNode !== tenant.node
    if (isWanted || elsewhere) signals.send({ kind: 'moved', ids: [id] })
    if (isWanted && isTerminal(task.status)) this.#wanted.delete(id)
    const canStart = code.freeSlots > 0 && types.includes(task.type)
    if (task.status === 'queued' && !canStart) signals.send({ kind: 'queued' })
  }

  /** Local listeners have it already, and a row that was read earlier is not news to them. */
  #note({ id, version, fence }: Task): void {
    const seen = this.#seen.get(id) ?? unseen
    if (version > seen.version) this.#seen.set(id, { ...seen, version, fence })
  }

  #sayProgress(): void {
    this.#options.signals.send({ kind: 'moved', ids: [...this.#progressed] })
    this.#progressed.clear()
  }

  #isWanted(id: TaskId): boolean {
    return this.#wanted.size > 0 && (this.#wanted.get(id) ?? 0) > this.#options.clock.monotonic()
  }

  #heard(signal: Signal): void {
    const { clock, claimer, bus, code } = this.#options
    if (signal.kind === 'queued') claimer.kick()
    else if (signal.kind === 'watched') {
      const until = clock.monotonic() + interestLasts
      // One that is skipped is polled by the other node itself, every second.
      for (const id of signal.ids) if (this.#wanted.size < mostWanted) this.#wanted.set(id, until)
    } else {
      void this.#look(signal.ids.filter((id) => bus.isWatched(id) || code.has(id)))
    }
  }

  #watched(id: TaskId): void {
    this.#newlyWatched.add(id)
    if (this.#gathering) return
    this.#gathering = true
    this.#options.clock.after(gatherFor, () => {
      this.#gathering = false
      const ids = this.#elsewhere(this.#newlyWatched)
      this.#newlyWatched = new Set()
      if (ids.length === 0) return
      this.#options.signals.send({ kind: 'watched', ids })
      this.#options.clock.after(lookAfter, () => void this.#look(ids))
    })
  }

  /** Tasks that still have listeners here, but no code. */
  #elsewhere(ids: Iterable<TaskId>): TaskId[] {
    const { bus, code } = this.#options
    return [...ids].filter((id) => bus.isWatched(id) && !code.has(id))
  }

  async #lookAtAll(): Promise<number> {
    const { bus, code, clock, signals } = this.#options
    const now = clock.monotonic()
    for (const [id, until] of this.#wanted) if (until <= now) this.#wanted.delete(id)
    for (const id of this.#seen.keys()) if (!bus.isWatched(id)) this.#seen.delete(id)
    const watched = this.#elsewhere(bus.watched())
    if (watched.length > 0 && now - this.#lastAsked >= askAgainAfter) {
      this.#lastAsked = now
      signals.send({ kind: 'watched', ids: watched })
    }
    await this.#look([...new Set([...watched, ...code.ids()])])
    return lookEvery
  }

  /** The next poll makes up for a failed one. */
  async #look(ids: readonly TaskId[]): Promise<void> {
    if (ids.length === 0) return
    const { store, bus, journal, logger } = this.#options
    try {
      await Promise.all(
        ids.map(async (id) => {
          const task = await store.get(id)
          if (task === null) return journal.deleted(id)
          journal.see(task)
          if (bus.isWatched(id)) await this.#show(task)
        }),
      )
    } catch (error) {
      logger.debug({ err: error }, 'could not read the tasks of other nodes')
    }
  }

  /** Tells listeners what is new to them. Those that miss a version read the store themselves. */
  async #show(task: Task): Promise<void> {
    const { id, type, progress, version, fence } = task
    let seen = this.#seen.get(id) ?? unseen
    if (version < seen.version) return
    if (version > seen.version) {
      const record = await this.#options.store.read(id)
      if (record === null) return this.#options.journal.deleted(id)
      // It may have been told in the meantime. It counts as told only now, since the read may fail.
      seen = this.#seen.get(id) ?? unseen
      if (version > seen.version) {
        const entry = record.timeline.at(-1)
        this.#seen.set(id, { ...seen, version })
        if (entry !== undefined) {
          this.#options.bus.emit({ kind: 'transition', id, task: record.task, entry })
        }
      } else if (version < seen.version) return
    }
    const at = progress?.at ?? 0
    // Code on this node reports its progress itself, and sooner.
    const isHere = this.#options.code.has(id)
    const isNewer = fence > seen.fence && !isHere ? at !== seen.progressAt : at > seen.progressAt
    this.#seen.set(id, { version, fence, progressAt: isNewer ? at : seen.progressAt })
    if (progress !== null && isNewer && !isHere)
      this.#options.bus.emit({ kind: 'progress', id, type, progress })
  }
}

const unseen: Seen = { version: 0, fence: 0, progressAt: 0 }
