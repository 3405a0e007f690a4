import type { Clock } from '../core/clock.ts'
import { TaskUnknown } from '../core/errors.ts'
import { positionLimit } from '../core/reason.ts'
import type { TaskId } from '../core/task.ts'
import type { Move } from '../core/transition.ts'
import type { Subscriber } from '../journal/journal.ts'
import type { LoopDelay } from '../execution/executors/loop-watch.ts'
import type { Registry } from '../registry/registry.ts'
import type { Counts, LiveNode, Store } from '../store/store.ts'
import { explained, type Explanation } from './explain.ts'
import type { Logger } from '../core/logger.ts'
import { Loop } from '../core/loop.ts'
import { Figures } from './figures.ts'
import { RateMeter, type History, type Rates, type Span } from './rates.ts'

/** What this node and its store know about the whole system. */
export type Stats = Readonly<{
  counts: Counts
  node: NodeState
  nodes: NodeTotals
  /** Events per second on this node over the last 1, 5 and 60 minutes; kept in memory since its start. */
  rates: Readonly<{ minute: Rates; fiveMinutes: Rates; hour: Rates }>
  /** Expected active milliseconds per run, by type; null before the first one on this node. */
  expected: Readonly<Record<string, number | null>>
}>

/** The state of a node. */
export type NodeState = Readonly<{
  id: string
  /** `starting` until the store is recovered; `draining` once it accepts no more work. */
  phase: 'starting' | 'ready' | 'draining' | 'closed'
  maxConcurrent: number
  /** Slots in use, including those of fenced-off code. */
  slotsInUse: number
  parked: number
  /** Delay of the main thread, and inline handlers that blocked it. */
  loop: LoopDelay
}>

/** Over all live nodes that share the store. */
export type NodeTotals = Readonly<{ alive: number; slots: number; slotsInUse: number }>

const minute = 60_000
/** Maximum predecessors that an explanation names. */
const predecessorsNamed = 10
/** Milliseconds between attempts to read a store that does not respond. */
const lookAgain = 1_000

export type ReportsOptions = Readonly<{
  store: Store
  clock: Clock
  logger: Logger
  registry: Registry
  /** This node. */
  node: Readonly<{ state: NodeState }>
  workers: Readonly<{ countOf(type: string): number }>
  /** Of the program. */
  version: string
}>

/** Statistics and explanations. */
export class Reports implements Subscriber {
  readonly #options: ReportsOptions
  readonly #meter: RateMeter
  readonly #figures: Figures
  readonly #looker: Loop

  constructor(options: ReportsOptions) {
    this.#options = options
    this.#meter = new RateMeter(options.clock)
    const { node, version, store } = options
    this.#figures = new Figures(
      () => ({ id: node.state.id, version }),
      () => store.now(),
    )
    this.#looker = new Loop('history', options.clock, options.logger, () => this.#look())
  }

  /** Starts recording how many tasks there are. */
  start(): void {
    this.#figures.start()
    this.#looker.kick()
  }

  stop(): Promise<void> {
    return this.#looker.stop()
  }

  moved({ task, entry }: Move): void {
    this.#meter.note(task, entry)
    this.#figures.note(task, entry)
  }

  /** What was counted and is not stored yet. Throws what the store throws. */
  async flush(): Promise<void> {
    const { figures } = this.#options.store
    await this.#figures.write((rows, oldest) => figures.put(rows, oldest))
  }

  /** Of all types, or of one. The last hour of all types is that of this node, and reads nothing. */
  async history(span: Span, type?: string): Promise<History> {
    if (span === 'hour' && type === undefined) {
      const own = this.#meter.history()
      const { mark } = this.#figures
      const isWithin = mark !== undefined && mark.at >= this.#options.store.now() - own.covered - own.step
      return { ...own, marks: isWithin ? [mark] : [], durations: null }
    }
    const { figures } = this.#options.store
    const asked = {
      ms: span === 'hour' ? 60 * minute : 24 * 60 * minute,
      ...(type === undefined ? {} : { type }),
    }
    return this.#figures.history(asked, (step, of) => figures.since(step, of))
  }

  async explain(id: TaskId): Promise<Explanation> {
    const { store, registry, node: here, workers } = this.#options
    const task = await store.get(id)
    if (task === null) throw new TaskUnknown(id)
    const [counts, nodes, limits] = await Promise.all([
      store.counts(),
      store.nodes(),
      task.status === 'queued' ? store.limits.explain(task) : [],
    ])
    const { phase, id: node } = here.state
    const running = nodes.filter(({ types }) => types.includes(task.type))
    // Held types take no slots from it; of its own type, all tasks are ahead of it, held or not.
    const rivals = registry.names.filter((type) => !Object.hasOwn(counts.held, type) && type !== task.type)
    const ahead =
      task.status === 'queued' ? await store.ahead(task, [task.type, ...rivals], positionLimit) : 0
    const { slots, slotsInUse } = totalsOf(running)
    const predecessors = task.missing === 0 ? [] : await store.predecessors(id, predecessorsNamed)
    const children =
      task.awaits?.children === undefined
        ? { count: 0, tasks: [] }
        : await store.joins.watched(id, predecessorsNamed)
    return explained(task, {
      now: store.now(),
      counts,
      nodes: {
        ready: phase === 'ready' || running.some(({ id }) => id !== node),
        slots,
        slotsInUse,
        types: registry.known,
      },
      workers: registry.find(task.type)?.runs === 'remote' ? workers.countOf(task.type) : null,
      concurrency: registry.find(task.type)?.concurrency ?? null,
      ahead,
      predecessors,
      children,
      limits,
      startRate: this.#meter.over(5 * minute).started / 1_000,
      duration: this.#meter.expectedDuration(task.type),
    })
  }

  async stats(): Promise<Stats> {
    const { store, registry, node } = this.#options
    const [counts, nodes] = await Promise.all([store.counts(), store.nodes()])
    return {
      counts,
      node: node.state,
      nodes: totalsOf(nodes),
      rates: {
        minute: this.#meter.over(minute),
        fiveMinutes: this.#meter.over(5 * minute),
        hour: this.#meter.over(60 * minute),
      },
      expected: Object.fromEntries(registry.names.map((type) => [type, this.#meter.expectedDuration(type)])),
    }
  }

  /** A step without a sample has no number, which the history shows. */
  async #look(): Promise<number> {
    const { store, logger } = this.#options
    try {
      const counts = await store.counts()
      const within = this.#meter.saw(counts)
      this.#figures.saw(counts)
      await this.flush()
      return within
    } catch (error) {
      logger.debug({ err: error }, 'could not count tasks for the history, or store it')
      return lookAgain
    }
  }
}

function totalsOf(nodes: readonly LiveNode[]): NodeTotals {
  const sum = (of: (node: LiveNode) => number) => nodes.reduce((total, node) => total + of(node), 0)
  return {
    alive: nodes.length,
    slots: sum(({ slots }) => slots),
    slotsInUse: sum(({ slotsInUse }) => slotsInUse),
  }
}
