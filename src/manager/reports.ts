import type { Clock } from '../core/clock.ts'
import { TaskUnknown } from '../core/errors.ts'
import { positionLimit } from '../core/reason.ts'
import type { TaskId } from '../core/task.ts'
import type { Registry } from '../registry/registry.ts'
import type { Counts, Store } from '../store/store.ts'
import type { NodeState } from './state.ts'
import { explained, type Explanation } from './explain.ts'
import type { RateMeter, Rates } from './rates.ts'

/** What this node and its store know of the whole. */
export type Stats = Readonly<{
  counts: Counts
  node: NodeState
  /** Events a second on this node over the last 1, 5 and 60 minutes; kept in memory, so they begin anew with it. */
  rates: Readonly<{ minute: Rates; fiveMinutes: Rates; hour: Rates }>
  /** Milliseconds of active time that a run takes, by type; null before the first one on this node. */
  expected: Readonly<Record<string, number | null>>
}>

const minute = 60_000

export type ReportsOptions = Readonly<{
  store: Store
  clock: Clock
  registry: Registry
  meter: RateMeter
  state: () => NodeState
}>

/** Answers to "why" and "how much". */
export class Reports {
  readonly #options: ReportsOptions

  constructor(options: ReportsOptions) {
    this.#options = options
  }

  async explain(id: TaskId): Promise<Explanation> {
    const { store, clock, registry, meter, state } = this.#options
    const task = await store.get(id)
    if (task === null) throw new TaskUnknown(id)
    const counts = await store.counts()
    // Held types take no slots from it; of its own type all are before it, held or not.
    const rivals = registry.names.filter((type) => !Object.hasOwn(counts.held, type) && type !== task.type)
    const ahead =
      task.status === 'queued' ? await store.ahead(task, [task.type, ...rivals], positionLimit) : 0
    const { phase, maxConcurrent, slotsInUse } = state()
    return explained(task, {
      now: clock.now(),
      counts,
      node: { ready: phase === 'ready', slots: maxConcurrent, slotsInUse, types: registry.names },
      concurrency: registry.find(task.type)?.concurrency ?? null,
      ahead,
      startRate: meter.over(5 * minute).started / 1_000,
      duration: meter.expectedDuration(task.type),
    })
  }

  async stats(): Promise<Stats> {
    const { store, registry, meter, state } = this.#options
    return {
      counts: await store.counts(),
      node: state(),
      rates: {
        minute: meter.over(minute),
        fiveMinutes: meter.over(5 * minute),
        hour: meter.over(60 * minute),
      },
      expected: Object.fromEntries(registry.names.map((type) => [type, meter.expectedDuration(type)])),
    }
  }
}
