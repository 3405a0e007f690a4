import { createHash } from 'node:crypto'
import type { Admission } from '../core/admission.ts'
import type { Awaits } from '../core/awaits.ts'
import { laneOf, laneText } from '../core/limits.ts'
import type { Sleeps } from '../core/sleep.ts'
import type { TraceContext } from '../core/trace-context.ts'
import type {
  Callback,
  Control,
  EndedBy,
  ErrorRecord,
  Preemption,
  Progress,
  Status,
  Task,
  Parent,
} from '../core/task.ts'
import type { UniqueKey } from '../core/unique-options.ts'
import { backoffOf, backoffText } from './codec.ts'

/** The columns of the table of tasks, the same in all SQL stores: their order, and where their values come from. */

/** A value of a column. */
export type Value = string | number | boolean | null

/**
 * How a column is stored; each dialect has a type and a codec for it. `text` comes from callers and may contain any character,
 * `word` is text of our own, `long` is an integer of more than 32 bits.
 */
export type Kind = 'text' | 'word' | 'integer' | 'long' | 'float' | 'flag'

export type Column = Readonly<{ name: string; kind: Kind; of: (task: Task) => Value }>

const column = (name: string, kind: Kind, of: (task: Task) => Value): Column => ({ name, kind, of })

/** Columns that no move changes. `row_id`, the key of the documents, comes before them. */
export const fixedColumns: readonly Column[] = [
  column('id', 'text', ({ id }) => id),
  column('type', 'text', ({ type }) => type),
  column('priority', 'integer', ({ priority }) => priority),
  column('max_attempts', 'integer', ({ maxAttempts }) => maxAttempts),
  column('timeout', 'float', ({ timeout }) => timeout),
  column('backoff', 'word', ({ backoff }) => backoffText(backoff)),
  column('tags', 'word', ({ tags }) => (tags.length === 0 ? '[]' : JSON.stringify(tags))),
  column('idempotency_key', 'text', ({ idempotencyKey }) => idempotencyKey),
  column('request_hash', 'text', ({ requestHash }) => requestHash),
  column('created_at', 'long', ({ createdAt }) => createdAt),
  column('created_by', 'text', ({ createdBy }) => createdBy),
  column('trace', 'word', ({ trace }) => trace),
  column('schedule_id', 'text', ({ scheduleId }) => scheduleId),
  column('tick_at', 'long', ({ tickAt }) => tickAt),
  column('unique_key', 'word', ({ unique }) => (unique === null ? null : JSON.stringify(unique))),
  column('admission', 'word', ({ admission }) => (admission === null ? null : JSON.stringify(admission))),
  column('expires_in', 'long', ({ expiresIn }) => expiresIn),
  column('callback', 'word', ({ callback }) => (callback === null ? null : JSON.stringify(callback))),
  column('parent_id', 'text', ({ parent }) => parent?.id ?? null),
  column('parent', 'word', ({ parent }) => (parent === null ? null : JSON.stringify(parent))),
]

/** Columns that a move may change. */
export const movingColumns: readonly Column[] = [
  column('status', 'word', ({ status }) => status),
  column('queue_position', 'long', ({ queuePosition }) => queuePosition),
  column('version', 'integer', ({ version }) => version),
  column('fence', 'integer', ({ fence }) => fence),
  column('attempt', 'integer', ({ attempt }) => attempt),
  column('attempt_open', 'flag', ({ attemptOpen }) => attemptOpen),
  column('failures', 'integer', ({ failures }) => failures),
  column('crashes', 'integer', ({ crashes }) => crashes),
  column('owner_node', 'text', ({ ownerNode }) => ownerNode),
  column('requested_control', 'word', ({ requestedControl }) => requestedControl),
  column('run_at', 'long', ({ runAt }) => runAt),
  column('started_at', 'long', ({ startedAt }) => startedAt),
  column('completed_at', 'long', ({ completedAt }) => completedAt),
  column('status_since', 'long', ({ statusSince }) => statusSince),
  column('saved_at', 'long', ({ savedAt }) => savedAt),
  column('active_ms', 'long', ({ activeMs }) => activeMs),
  column('attempt_base_ms', 'long', ({ attemptBaseMs }) => attemptBaseMs),
  column('queued_ms', 'long', ({ queuedMs }) => queuedMs),
  column('paused_ms', 'long', ({ pausedMs }) => pausedMs),
  column('progress', 'word', ({ progress }) => (progress === null ? null : JSON.stringify(progress))),
  column('error', 'word', ({ error }) => (error === null ? null : JSON.stringify(error))),
  column('ended_by', 'word', ({ endedBy }) => endedBy),
  column('delay', 'long', ({ delay }) => delay),
  column('missing', 'integer', ({ missing }) => missing),
  column('lane', 'word', laneIdOf),
  column('expires_at', 'long', ({ expiresAt }) => expiresAt),
  column('preemption', 'word', ({ preemption }) => (preemption === null ? null : JSON.stringify(preemption))),
  column('sleeps', 'word', ({ sleeps }) => (sleeps === null ? null : JSON.stringify(sleeps))),
  column('news', 'integer', ({ news }) => news),
  column('awaits', 'text', ({ awaits }) => (awaits === null ? null : JSON.stringify(awaits))),
]

/** The moving columns that a save changes. */
export const savedColumns = columnsNamed('crashes', 'saved_at', 'progress', 'sleeps')

/** The moving columns that differ between new tasks; the others have defaults. */
export const newColumns = columnsNamed(
  'status',
  'queue_position',
  'run_at',
  'status_since',
  'delay',
  'missing',
  'lane',
  'expires_at',
)

/** What the other moving columns of a new row are, as far as they are not null. */
export const newDefaults = {
  version: 1,
  fence: 0,
  attempt: 0,
  attempt_open: 0,
  failures: 0,
  crashes: 0,
  active_ms: 0,
  attempt_base_ms: 0,
  queued_ms: 0,
  paused_ms: 0,
  news: 0,
} as const

/** The columns of a new task that is plain; the others are null, or have their defaults. */
export const plainColumns = columnsNamed(
  'id',
  'type',
  'priority',
  'max_attempts',
  'timeout',
  'backoff',
  'tags',
  'idempotency_key',
  'request_hash',
  'created_at',
  'created_by',
  'status',
  'queue_position',
  'run_at',
  'status_since',
  'delay',
  'missing',
)

/** A new task that starts in the order of the queue, and of which nothing else is to be kept. */
export function isPlain({
  trace,
  scheduleId,
  unique,
  admission,
  expiresIn,
  callback,
  parent,
}: Task): boolean {
  return (
    trace === null &&
    scheduleId === null &&
    unique === null &&
    admission === null &&
    expiresIn === null &&
    callback === null &&
    parent === null
  )
}

/** The columns of a row, in this order. */
export const insertedNames = ['row_id', ...[...fixedColumns, ...movingColumns].map(({ name }) => name)]

/** The columns that are read of a row, in this order. `awaited` is a mark on it: no move changes it, and it is no part of the task. */
export const selectedNames = [...insertedNames, 'awaited']

/** A row in the order of `selectedNames`. */
export type StoredRow = readonly Value[]

/** Decodes the kinds that a dialect does not return as they are. */
export type Decoder = Readonly<{ text: (stored: string) => string; flag: (stored: Value) => boolean }>

export function rowIdOf(row: StoredRow): number {
  return row[0] as number
}

/** Others wait for its end, and it has not been counted for all of them yet. */
export function isAwaited(row: StoredRow, { flag }: Pick<Decoder, 'flag'>): boolean {
  return flag(row[insertedNames.length]!)
}

export function taskOf(row: StoredRow, { text, flag }: Decoder): Task {
  const key = row[8] as string | null
  const hash = row[9] as string | null
  const schedule = row[13] as string | null
  const unique = row[15] as string | null
  const admission = row[16] as string | null
  const callback = row[18] as string | null
  const parent = row[20] as string | null
  const preemption = row[47] as string | null
  const sleeps = row[48] as string | null
  const awaits = row[50] as string | null
  const owner = row[29] as string | null
  const progress = row[40] as string | null
  const error = row[41] as string | null
  return {
    id: text(row[1] as string),
    type: text(row[2] as string),
    status: row[21] as Status,
    priority: row[3] as number,
    queuePosition: row[22] as number,
    version: row[23] as number,
    fence: row[24] as number,
    attempt: row[25] as number,
    attemptOpen: flag(row[26]!),
    maxAttempts: row[4] as number,
    failures: row[27] as number,
    crashes: row[28] as number,
    timeout: row[5] as number | null,
    backoff: backoffOf(row[6] as string),
    tags: row[7] === '[]' ? noTags : (JSON.parse(row[7] as string) as string[]),
    idempotencyKey: key === null ? null : text(key),
    requestHash: hash === null ? null : text(hash),
    createdBy: text(row[11] as string),
    trace: row[12] as TraceContext | null,
    scheduleId: schedule === null ? null : text(schedule),
    tickAt: row[14] as number | null,
    parent: parent === null ? null : (JSON.parse(parent) as Parent),
    unique: unique === null ? null : (JSON.parse(unique) as UniqueKey),
    admission: admission === null ? null : (JSON.parse(admission) as Admission),
    expiresIn: row[17] as number | null,
    expiresAt: row[46] as number | null,
    callback: callback === null ? null : (JSON.parse(callback) as Callback),
    preemption: preemption === null ? null : (JSON.parse(preemption) as Preemption),
    ownerNode: owner === null ? null : text(owner),
    requestedControl: row[30] as Control | null,
    createdAt: row[10] as number,
    runAt: row[31] as number | null,
    startedAt: row[32] as number | null,
    completedAt: row[33] as number | null,
    statusSince: row[34] as number,
    savedAt: row[35] as number | null,
    activeMs: row[36] as number,
    attemptBaseMs: row[37] as number,
    queuedMs: row[38] as number,
    pausedMs: row[39] as number,
    progress: progress === null ? null : (JSON.parse(progress) as Progress),
    error: error === null ? null : (JSON.parse(error) as ErrorRecord),
    endedBy: row[42] as EndedBy | null,
    delay: row[43] as number | null,
    missing: row[44] as number,
    sleeps: sleeps === null ? null : (JSON.parse(sleeps) as Sleeps),
    news: row[49] as number,
    awaits: awaits === null ? null : (JSON.parse(text(awaits)) as Awaits),
  }
}

/** The id of the lane in which a queued task waits; null in the plain queue, and for tasks that are not queued. */
export function laneIdOf(task: Task): string | null {
  if (task.admission === null || task.status !== 'queued') return null
  return createHash('sha256')
    .update(laneText(laneOf(task)!))
    .digest('base64url')
    .slice(0, 22)
}

const noTags: readonly string[] = Object.freeze([])

function columnsNamed(...names: readonly string[]): readonly Column[] {
  return [...fixedColumns, ...movingColumns].filter(({ name }) => names.includes(name))
}
