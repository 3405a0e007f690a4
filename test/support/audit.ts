import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import { allows, type EventName } from '../../src/core/lifecycle.ts'
import {
  isActive,
  isAsleep,
  isSuspect,
  isTerminal,
  type Status,
  type Task,
  type TaskId,
} from '../../src/core/task.ts'
import { keepsKey, uniqueName } from '../../src/core/unique.ts'
import { timelineLimit, type Counts, type Store, type TaskRecord } from '../../src/store/store.ts'

/**
 * What holds for every task of every store at any time. An audit checks all tasks it knows and remembers them, so that it
 * notices what must never happen between two checks.
 */
export class Audit {
  readonly #store: () => Store
  readonly #seen = new Map<TaskId, TaskRecord | null>()

  constructor(store: () => Store) {
    this.#store = store
  }

  watch(id: TaskId): void {
    if (!this.#seen.has(id)) this.#seen.set(id, null)
  }

  get ids(): readonly TaskId[] {
    return [...this.#seen.keys()]
  }

  /** Checks all tasks and counts; returns the records that still exist. */
  async check(): Promise<TaskRecord[]> {
    const records: TaskRecord[] = []
    const found = await Promise.all(this.ids.map(async (id) => [id, await this.#store().read(id)] as const))
    for (const [id, record] of found) {
      const before = this.#seen.get(id) ?? null
      if (record === null) {
        if (before === null) continue
        expect(isTerminal(before.task.status), `only ended tasks go: ${id}`).toBe(true)
        this.#seen.delete(id)
        continue
      }
      checkRow(record)
      checkTimeline(record)
      if (before !== null) checkChange(before, record)
      this.#seen.set(id, record)
      records.push(record)
    }
    checkSuspects(records)
    checkKeys(records, this.#store().now())
    expect((await this.#store().counts()).byType, 'counts are those of the tasks').toEqual(tally(records))
    return records
  }
}

/** The columns are consistent with the status. */
function checkRow({ task, result, timeline }: TaskRecord): void {
  const shown = `${task.id} (${timeline.map(({ event }) => event).join(' ')})`
  expect(task.completedAt !== null, `an end has its time: ${shown}`).toBe(isTerminal(task.status))
  expect(result !== null, `a result is there when completed: ${shown}`).toBe(task.status === 'completed')
  if (isActive(task.status)) expect(task.ownerNode, `active code has a node: ${shown}`).not.toBeNull()
  if (isTerminal(task.status)) expect(task.ownerNode, `ended code has none: ${shown}`).toBeNull()
  if (task.status === 'failed') expect(task.error, `a failure says why: ${shown}`).not.toBeNull()
  if (task.missing > 0)
    expect(['waiting', 'paused'], `what misses others has not started: ${shown}`).toContain(task.status)
  if (isAsleep(task))
    expect(
      [task.runAt ?? task.awaits, task.sleeps, task.startedAt],
      `what waits knows until when: ${shown}`,
    ).not.toContain(null)
  if (task.awaits !== null)
    expect(['waiting', 'paused'], `only what is suspended awaits: ${shown}`).toContain(task.status)
  if (task.status === 'waiting' && task.awaits !== null)
    expect(task.news, `what waits has seen all news: ${shown}`).toBe(task.awaits.seen)
  if (task.startedAt !== null) {
    expect(task.expiresAt, `what has started does not expire: ${shown}`).toBeNull()
    expect(task.endedBy, `what has started has not expired: ${shown}`).not.toBe('expired')
  }
  if (task.expiresIn === null) expect(task.expiresAt, `only what may expire does: ${shown}`).toBeNull()
  if (task.status === 'queued')
    expect(task.queuePosition, `a queued task has a place: ${shown}`).toBeGreaterThan(0)
}

/** No node runs two suspects. */
function checkSuspects(records: readonly TaskRecord[]): void {
  const running = records.filter(({ task }) => isActive(task.status) && isSuspect(task))
  const nodes = running.map(({ task }) => task.ownerNode)
  expect(nodes, 'one suspect on each node').toHaveLength(new Set(nodes).size)
}

/** A key whose time is not limited has one task, besides those that will never start. */
function checkKeys(records: readonly TaskRecord[], now: number): void {
  const isOver = ({ status, expiresAt, statusSince }: Task) =>
    expiresAt !== null && expiresAt <= (status === 'paused' ? statusSince : now)
  const names = records.flatMap(({ task }) =>
    task.unique?.for === null && keepsKey(task) && !isOver(task)
      ? [uniqueName(task.type, task.unique.key)]
      : [],
  )
  expect(names, 'one task with each unique key').toHaveLength(new Set(names).size)
}

/** Each entry is a legal transition from the status of the previous one, and raises the version by one. */
function checkTimeline({ task, timeline }: TaskRecord): void {
  const [first, ...later] = timeline
  const last = timeline.at(-1)
  expect(first).toMatchObject({ event: 'submitted', version: 1 })
  expect(last).toMatchObject({ version: task.version, status: task.status, attempt: task.attempt })
  expect(timeline.length).toBe(Math.min(task.version, timelineLimit))
  let before = first
  for (const line of later) {
    const trimmed = before === first && task.version > timelineLimit
    if (!trimmed) {
      expect(line.version).toBe((before?.version ?? 0) + 1)
      expect(isLegal(line.event as EventName, before?.status, line.status), `legal: ${line.event}`).toBe(true)
    }
    before = line
  }
}

function isLegal(name: EventName, from: Status | undefined, to: Status): boolean {
  return from !== undefined && allows(name, from, to)
}

/** What must not happen between two checks. */
function checkChange(before: TaskRecord, after: TaskRecord): void {
  const { id } = after.task
  expect(after.task.fence, `a fence never falls: ${id}`).toBeGreaterThanOrEqual(before.task.fence)
  expect(after.task.version, `a version never falls: ${id}`).toBeGreaterThanOrEqual(before.task.version)
  if (before.task.status === 'completed') {
    expect(isDeepStrictEqual(after, before), `completed never changes: ${id}`).toBe(true)
  }
  if (after.task.version === before.task.version) expect(after.task.status).toBe(before.task.status)
}

function tally(records: readonly TaskRecord[]): Counts['byType'] {
  const byType: Record<string, Partial<Record<Status, number>>> = {}
  for (const { task } of records) {
    const counts = (byType[task.type] ??= {})
    counts[task.status] = (counts[task.status] ?? 0) + 1
  }
  return byType
}
