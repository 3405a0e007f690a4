import type { Clock } from '../core/clock.ts'
import { TaskUnknown } from '../core/errors.ts'
import { positionLimit } from '../core/reason.ts'
import type { TaskId } from '../core/task.ts'
import type { Move } from '../core/transition.ts'
import type { Subscriber } from '../journal/journal.ts'
import type { Registry } from '../registry/registry.ts'
import type { Counts, LiveNode, Store } from '../store/store.ts'
import { explained, type Explanation } from './explain.ts'
import type { Logger } from '../core/logger.ts'
import { Loop } from '../core/loop.ts'
import { RateMeter, type History, type Rates, type Span } from './rates.ts'
import type { NodeState } from './state.ts'

/** What this node and its store know of the whole. */
export type Stats = Readonly<{
  counts: Counts
  node: NodeState
  nodes: NodeTotals
  /** Events a second on this node over the last 1, 5 and 60 minutes; kept in memory, so they begin anew with it. */
  rates: Readonly<{ minute: Rates; fiveMinutes: Rates; hour: Rates }>
  /** Milliseconds of active time that a run takes, by type; null before the first one on this node. */
  expected: Readonly<Record<string, number | null>>
}>

/** Over all living nodes that share the store. */
export type NodeTotals = Readonly<{ alive: number; slots: number; slotsInUse: number }>

const minute = 60_000
/** Milliseconds between tries to look at a store that does not answer. */
const lookAgain = 1_000

export type ReportsOptions = Readonly<{
  store: Store
  clock: Clock
  logger: Logger
  registry: Registry
  /** This node. */
  node: Readonly<{ state: NodeState }>
}>

/** Answers to "why" and "how much". */
export class Reports implements Subscriber {
  readonly #options: ReportsOptions
  readonly #meter: RateMeter
  readonly #looker: Loop

  constructor(options: ReportsOptions) {
    this.#options = options
    this.#meter = new RateMeter(options.clock)
    this.#looker = new Loop('history', options.clock, options.logger, () => this.#look())
  }

  /** Begins to remember how many tasks there are. */
  start(): void {
    this.#looker.kick()
  }

  stop(): Promise<void> {
    return this.#looker.stop()
  }

  moved({ task, entry }: Move): void {
    this.#meter.note(task, entry)
  }

  history(span: Span): History {
    return this.#meter.history(span)
  }

  async explain(id: TaskId): Promise<Explanation> {
    const { store, registry, node: here } = this.#options
    const task = await store.get(id)
    if (task === null) throw new TaskUnknown(id)
    const [counts, nodes] = await Promise.all([store.counts(), store.nodes()])
    const { phase, id: node } = here.state
    const running = nodes.filter(({ types }) => types.includes(task.type))
    // Held types take no slots from it; of its own type all are before it, held or not.
    const rivals = registry.names.filter((type) => !Object.hasOwn(counts.held, type) && type !== task.type)
    const ahead =
      task.status === 'queued' ? await store.ahead(task, [task.type, ...rivals], positionLimit) : 0
    const { slots, slotsInUse } = totalsOf(running)
    return explained(task, {
      now: store.now(),
      counts,
      nodes: {
        ready: phase === 'ready' || running.some(({ id }) => id !== node),
        slots,
        slotsInUse,
        types: registry.names,
      },
      concurrency: registry.find(task.type)?.concurrency ?? null,
      ahead,
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

  /** A step in which nobody could look has no number: that is what the history says then. */
  async #look(): Promise<number> {
    const { store, logger } = this.#options
    try {
      return this.#meter.saw(await store.counts())
    } catch (error) {
      logger.debug({ err: error }, 'could not count tasks for the history')
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
