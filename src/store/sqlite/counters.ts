import { activeStatuses, isUnstarted, unstartedStatuses, type Status } from '../../core/task.ts'
import type { Counts, Hold } from '../store.ts'
import type { Statements } from './statements.ts'

export type HoldRow = [type: string, since: number, by: string, reason: string | null]

type PerStatus = Partial<Record<Status, number>>

/** Counts by type and status, and the holds of types, written in the transaction that changes them; memory mirrors the file. */
export class Counters {
  readonly #sql: Statements
  #byType = new Map<string, PerStatus>()
  #fencedOff = new Map<string, number>()
  readonly #held = new Map<string, Hold>()
  #dirty = new Map<string, Set<Status>>()
  #waiting = 0

  constructor(sql: Statements) {
    this.#sql = sql
  }

  /** Waiting, scheduled and queued tasks of all types. */
  get waiting(): number {
    return this.#waiting
  }

  get types(): IterableIterator<string> {
    return this.#byType.keys()
  }

  isHeld(type: string): boolean {
    return this.#held.has(type)
  }

  /** Null releases the type. */
  setHold(type: string, hold: Hold | null): void {
    if (hold === null) {
      this.#held.delete(type)
      this.#sql.lift.run(type)
    } else {
      this.#held.set(type, hold)
      this.#sql.hold.run(type, hold.since, hold.by, hold.reason)
    }
  }

  get(type: string, status: Status): number {
    return this.#byType.get(type)?.[status] ?? 0
  }

  /** Places in use under the concurrency limit of the type. */
  occupied(type: string): number {
    const fencedOff = this.#fencedOff.get(type) ?? 0
    return activeStatuses.reduce((sum, status) => sum + this.get(type, status), fencedOff)
  }

  /** Tasks of the type that wait for a start, and those that sleep. */
  unstarted(type: string): number {
    return unstartedStatuses.reduce((sum, status) => sum + this.get(type, status), 0)
  }

  add(type: string, status: Status, delta: number): void {
    let counts = this.#byType.get(type)
    if (counts === undefined) this.#byType.set(type, (counts = {}))
    counts[status] = (counts[status] ?? 0) + delta
    if (isUnstarted(status)) this.#waiting += delta
    const dirty = this.#dirty.get(type)
    if (dirty === undefined) this.#dirty.set(type, new Set([status]))
    else dirty.add(status)
  }

  addFencedOff(type: string, delta: number): void {
    this.#fencedOff.set(type, (this.#fencedOff.get(type) ?? 0) + delta)
  }

  flush(): void {
    for (const [type, statuses] of this.#dirty) {
      for (const status of statuses) this.#sql.setCounter.run(type, status, this.get(type, status))
    }
    this.#dirty.clear()
  }

  reload(): void {
    this.#byType.clear()
    this.#dirty.clear()
    this.#waiting = 0
    for (const [type, status, tasks] of this.#sql.counters.all() as unknown as [string, Status, number][]) {
      this.add(type, status, tasks)
    }
    this.#dirty.clear()
    this.reloadFencedOff()
    this.#held.clear()
    for (const [type, since, by, reason] of this.#sql.holds.all() as unknown as HoldRow[]) {
      this.#held.set(type, { since, by, reason })
    }
  }

  reloadFencedOff(): void {
    this.#fencedOff = new Map(this.#sql.fencedOff.all() as unknown as [string, number][])
  }

  snapshot(): Counts {
    const byType = [...this.#byType].map(([type, counts]) => [type, present(counts)] as const)
    return {
      byType: Object.fromEntries(byType.filter(([, counts]) => Object.keys(counts).length > 0)),
      fencedOff: Object.fromEntries([...this.#fencedOff].filter(([, count]) => count !== 0)),
      held: Object.fromEntries(this.#held),
    }
  }
}

function present<Key extends string>(counts: Partial<Record<Key, number>>): Partial<Record<Key, number>> {
  const entries = Object.entries(counts).filter(([, count]) => count !== 0)
  return Object.fromEntries(entries) as Partial<Record<Key, number>>
}
