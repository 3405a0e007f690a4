import type { AuditEntry } from '../core/audit.ts'
import { StoreUnavailable } from '../core/errors.ts'
import type { Keys } from '../core/keys.ts'
import type { Limit } from '../core/limits.ts'
import type { Schedule, Tick } from '../core/schedule.ts'
import { isOfParent, type Edge } from '../core/dependency.ts'
import { startingFrom } from '../core/sleep.ts'
import type { Json, Task } from '../core/task.ts'
import type { Wait } from '../core/wait.ts'
import type { NewDelivery, Webhook } from '../core/webhook.ts'
import type { AuditCursor } from './audit-log.ts'
import { pendingDelivery, type StoredDelivery } from './delivery-rows.ts'
import type { FigureRow } from './figure-store.ts'
import type { Hold, NumberedLine, NumberedStep } from './store.ts'

/** A task with everything that is stored about it, the same in each store. */
export type TaskImage = Readonly<{
  /** The key of its documents, in submission order. */
  rowId: number
  task: Task
  /** Its timeline, as it is stored. */
  timeline: string
  parameters: Json
  checkpoint: Json | null
  result: Json | null
  steps: readonly NumberedStep[]
  /** In the order in which they were first stored. */
  waits: readonly Wait[]
  log: readonly NumberedLine[]
  /** The tasks for which it still waits. */
  after: readonly Omit<Edge, 'successor'>[]
  /** Others wait for its end. */
  isAwaited: boolean
}>

/** What a database stores besides tasks. Nodes are left out: none is alive when it is read. */
export type Surroundings = Readonly<{
  /** The last queue position that was given. */
  queuePosition: number
  holds: Readonly<Record<string, Hold>>
  /** In the order of their starts. */
  operations: readonly Readonly<{ id: string; node: string; body: string; cancel: boolean }>[]
  /** Without them, and their version, the copy of a closed server would be open. */
  keys: Keys
  /** Their slots, rates and turns start anew. */
  limits: readonly Limit[]
  webhooks: readonly Webhook[]
  /** The history, and how long tasks took. */
  figures: readonly FigureRow[]
}>

/** A tick of a schedule, as it is stored. */
export type TickImage = Tick & Readonly<{ scheduleId: string; storedAt: number }>

/** A delivery, as it is stored. */
export type DeliveryImage = StoredDelivery

/** Deliveries of events that are not distributed yet, and the row after which to continue. */
export type EventImages = Readonly<{ deliveries: readonly NewDelivery[]; last: number }>

/** Number of tasks by type and status: `type status`. */
export type TaskCounts = ReadonlyMap<string, number>

/** A database that nobody has open, to read it whole. */
export interface TransferSource extends AsyncDisposable {
  /** Tasks after this row, in submission order, at most `limit`. */
  images(after: number, limit: number): Promise<readonly TaskImage[]>
  surroundings(): Promise<Surroundings>
  /** Entries of the audit log after this one, oldest first, at most `limit`. */
  entries(after: AuditCursor | null, limit: number): Promise<readonly AuditEntry[]>
  countEntries(): Promise<number>
  /** By id, those after `after`, at most `limit`. */
  schedules(after: string, limit: number): Promise<readonly Schedule[]>
  /** By schedule and time, those after this one, at most `limit`. */
  ticks(after: Pick<TickImage, 'scheduleId' | 'tickAt'>, limit: number): Promise<readonly TickImage[]>
  /** By number, those after this one, at most `limit`. */
  deliveries(after: number, limit: number): Promise<readonly DeliveryImage[]>
  /** Of the first row of the outbox after this one; null if there is none. */
  events(after: number): Promise<EventImages | null>
  /** As counted when they changed. */
  counters(): Promise<TaskCounts>
  /** Number of documents and log lines by the key with which they are encrypted; plain text under an empty name. */
  encrypted(): Promise<ReadonlyMap<string, number>>
}

/** A database that nobody has open, to write tasks into it. */
export interface TransferTarget extends AsyncDisposable {
  /**
   * Starts a copy into an empty database, which nobody can open from then on, or continues that of the same `source`. Returns the last
   * row that is already there, or 0. Throws `StoreUnavailable`.
   */
  begin(source: string): Promise<number>
  /** All or nothing. */
  write(images: readonly TaskImage[]): Promise<void>
  /** Entries of the audit log, with their numbers; all or nothing. */
  writeEntries(entries: readonly AuditEntry[]): Promise<void>
  /** The newest entry that is already there. */
  lastEntry(): Promise<AuditCursor | null>
  countEntries(): Promise<number>
  /** All or nothing, in place of those that are there already. */
  writeSchedules(schedules: readonly Schedule[], ticks: readonly TickImage[]): Promise<void>
  /** The same for deliveries. */
  writeDeliveries(deliveries: readonly DeliveryImage[]): Promise<void>
  /** The copy is whole: the database can be opened. */
  finish(surroundings: Surroundings): Promise<void>
  /**
   * Adds tasks with row numbers and queue positions of its own; without those whose id or key is taken. Returns how many. Throws
   * `StoreUnavailable` if one waits for a task that is not there.
   */
  add(images: readonly TaskImage[]): Promise<number>
  counters(): Promise<TaskCounts>
  /** Counted one by one. */
  tasks(): Promise<TaskCounts>
}

export const transferAtOnce = 500

/** What a copy reads of its source. */
export type Copied = Omit<TransferSource, 'encrypted' | typeof Symbol.asyncDispose>

/** Copies everything in submission order. Returns how many tasks there are now, and how many of them were there already. */
export async function copyAll(
  from: Copied,
  to: TransferTarget,
  { source, copied }: Readonly<{ source: string; copied: (tasks: number) => void }>,
): Promise<Readonly<{ tasks: number; resumed: boolean }>> {
  const first = await to.begin(source)
  for (let after = first; ;) {
    const images = await from.images(after, transferAtOnce)
    if (images.length === 0) break
    await to.write(images)
    after = images.at(-1)!.rowId
    copied(images.length)
  }
  for (let after = await to.lastEntry(); ;) {
    const entries = await from.entries(after, transferAtOnce)
    const last = entries.at(-1)
    if (last === undefined) break
    await to.writeEntries(entries)
    after = { at: last.at, number: Number(last.id) }
  }
  const [expected, counted, found] = await Promise.all([from.counters(), to.counters(), to.tasks()])
  for (const counts of [counted, found]) mustAgree(expected, counts)
  const [there, here] = [await from.countEntries(), await to.countEntries()]
  if (there !== here)
    throw new Error(
      `the copy has ${here} entries of the audit log, and the original ${there}: it was not completed`,
    )
  await copySchedules(from, to)
  await copyDeliveries(from, to)
  // Only now can it be opened.
  await to.finish(await from.surroundings())
  return { tasks: sumOf(found), resumed: first > 0 }
}

/** Events become deliveries, in their order. */
async function copyDeliveries(from: Copied, to: TransferTarget): Promise<void> {
  let number = 0
  for (;;) {
    const deliveries = await from.deliveries(number, transferAtOnce)
    if (deliveries.length === 0) break
    await to.writeDeliveries(deliveries)
    number = deliveries.at(-1)!.number
  }
  for (let after = 0; ;) {
    const events = await from.events(after)
    if (events === null) return
    await to.writeDeliveries(events.deliveries.map((one) => pendingDelivery(one, ++number, one.createdAt)))
    after = events.last
  }
}

async function copySchedules(from: Copied, to: TransferTarget): Promise<void> {
  for (let after = ''; ;) {
    const schedules = await from.schedules(after, transferAtOnce)
    if (schedules.length === 0) break
    await to.writeSchedules(schedules, [])
    after = schedules.at(-1)!.id
  }
  for (let after = { scheduleId: '', tickAt: 0 }; ;) {
    const ticks = await from.ticks(after, transferAtOnce)
    if (ticks.length === 0) break
    await to.writeSchedules([], ticks)
    after = ticks.at(-1)!
  }
}

/**
 * The children for which a handler waits are not copied with it: they come later, or not at all. So it is due, and looks at its children
 * again.
 */
export function transferredTask(task: Task): Task {
  if (task.awaits?.children === undefined) return task
  const runAt = Math.min(task.runAt ?? Number.POSITIVE_INFINITY, task.statusSince)
  return { ...task, runAt, sleeps: startingFrom(runAt, task) }
}

/** What an imported task waits for; a child whose parent is not there is a task like any other. */
export function importedAfter(
  { after }: Pick<TaskImage, 'after'>,
  isThere: (id: string) => boolean,
): TaskImage['after'] {
  return after.filter((edge) => !isOfParent(edge) || isThere(edge.predecessor))
}

/** How many tasks it waits for. */
export function missingOf({ after }: Pick<TaskImage, 'after'>): number {
  return after.filter((edge) => !isOfParent(edge)).length
}

/** An import must not add a task that would wait forever. */
export function noPredecessor({ id }: Pick<Task, 'id'>, predecessor: string): StoreUnavailable {
  return new StoreUnavailable(
    `Task ${id} waits for task ${predecessor}, which is not in this database: export and import that one too.`,
    { unknown: false },
  )
}

function mustAgree(expected: TaskCounts, found: TaskCounts): void {
  for (const key of new Set([...expected.keys(), ...found.keys()])) {
    const [there, here] = [expected.get(key) ?? 0, found.get(key) ?? 0]
    if (there !== here)
      throw new Error(`the copy has ${here} tasks ${key}, and the original ${there}: it was not completed`)
  }
}

export function sumOf(counts: TaskCounts): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}
