import type { Control, EndedBy, ErrorRecord, Progress, Status, Submission, Task } from '../../core/task.ts'
import { backoffOf, backoffText } from '../codec.ts'
import { decodeText, encodeText } from './text.ts'

/** What a column of a row may hold, on its way to the server and back. */
export type Value = string | number | boolean | null

export type Column = readonly [name: string, type: string, of: (task: Task) => Value]

/** Columns that no move changes, but for `rowId`, the key of the documents. */
export const fixedColumns: readonly Column[] = [
  ['id', 'text', ({ id }) => encodeText(id)],
  ['type', 'text', ({ type }) => encodeText(type)],
  ['priority', 'int', ({ priority }) => priority],
  ['max_attempts', 'int', ({ maxAttempts }) => maxAttempts],
  ['timeout', 'float8', ({ timeout }) => timeout],
  ['backoff', 'text', ({ backoff }) => backoffText(backoff)],
  ['tags', 'text', ({ tags }) => (tags.length === 0 ? '[]' : JSON.stringify(tags))],
  ['idempotency_key', 'text', ({ idempotencyKey: key }) => (key === null ? null : encodeText(key))],
  ['request_hash', 'text', ({ requestHash: hash }) => (hash === null ? null : encodeText(hash))],
  ['created_at', 'bigint', ({ createdAt }) => createdAt],
]

/** Columns that a move may change. */
export const movingColumns: readonly Column[] = [
  ['status', 'text', ({ status }) => status],
  ['queue_position', 'bigint', ({ queuePosition }) => queuePosition],
  ['version', 'int', ({ version }) => version],
  ['fence', 'int', ({ fence }) => fence],
  ['attempt', 'int', ({ attempt }) => attempt],
  ['attempt_open', 'boolean', ({ attemptOpen }) => attemptOpen],
  ['failures', 'int', ({ failures }) => failures],
  ['crashes', 'int', ({ crashes }) => crashes],
  ['owner_node', 'text', ({ ownerNode: node }) => (node === null ? null : encodeText(node))],
  ['requested_control', 'text', ({ requestedControl }) => requestedControl],
  ['run_at', 'bigint', ({ runAt }) => runAt],
  ['started_at', 'bigint', ({ startedAt }) => startedAt],
  ['completed_at', 'bigint', ({ completedAt }) => completedAt],
  ['status_since', 'bigint', ({ statusSince }) => statusSince],
  ['saved_at', 'bigint', ({ savedAt }) => savedAt],
  ['active_ms', 'bigint', ({ activeMs }) => activeMs],
  ['attempt_base_ms', 'bigint', ({ attemptBaseMs }) => attemptBaseMs],
  ['queued_ms', 'bigint', ({ queuedMs }) => queuedMs],
  ['paused_ms', 'bigint', ({ pausedMs }) => pausedMs],
  ['progress', 'text', ({ progress }) => (progress === null ? null : JSON.stringify(progress))],
  ['error', 'text', ({ error }) => (error === null ? null : JSON.stringify(error))],
  ['ended_by', 'text', ({ endedBy }) => endedBy],
  ['delay', 'bigint', ({ delay }) => delay],
]

/** A new task differs from another one only in these of the moving columns; the rest has defaults. */
export const newColumns = movingColumns.filter(([name]) =>
  ['status', 'queue_position', 'run_at', 'delay', 'status_since'].includes(name),
)

/** A row as `rowId`, `fixedColumns` and then `movingColumns`. */
export type Row = readonly Value[]

const selected = ['row_id', ...[...fixedColumns, ...movingColumns].map(([name]) => name)]

export const selectedCount = selected.length

/** The columns of a row, of the table that goes by this name in the statement. */
export function selectedColumns(of: string): string {
  return selected.map((name) => `${of}.${name}`).join(', ')
}

export function numberOf(row: Row): number {
  return row[0] as number
}

export function taskOf(row: Row): Task {
  const progress = row[30] as string | null
  const error = row[31] as string | null
  return {
    id: decodeText(row[1] as string),
    type: decodeText(row[2] as string),
    status: row[11] as Status,
    priority: row[3] as number,
    queuePosition: row[12] as number,
    version: row[13] as number,
    fence: row[14] as number,
    attempt: row[15] as number,
    attemptOpen: row[16] as boolean,
    maxAttempts: row[4] as number,
    failures: row[17] as number,
    crashes: row[18] as number,
    timeout: row[5] as number | null,
    backoff: backoffOf(row[6] as string),
    tags: row[7] === '[]' ? noTags : (JSON.parse(row[7] as string) as string[]),
    idempotencyKey: decoded(row[8]),
    requestHash: decoded(row[9]),
    ownerNode: decoded(row[19]),
    requestedControl: row[20] as Control | null,
    createdAt: row[10] as number,
    runAt: row[21] as number | null,
    startedAt: row[22] as number | null,
    completedAt: row[23] as number | null,
    statusSince: row[24] as number,
    savedAt: row[25] as number | null,
    activeMs: row[26] as number,
    attemptBaseMs: row[27] as number,
    queuedMs: row[28] as number,
    pausedMs: row[29] as number,
    progress: progress === null ? null : (JSON.parse(progress) as Progress),
    error: error === null ? null : (JSON.parse(error) as ErrorRecord),
    endedBy: row[32] as EndedBy | null,
    delay: row[33] as number | null,
  }
}

/** A column of a group of rows. */
export type Filled = Readonly<{ name: string; type: string; values: readonly Value[] }>

export function columnsOf(tasks: readonly Task[], columns: readonly Column[]): Filled[] {
  return columns.map(([name, type, of]) => ({ name, type, values: tasks.map(of) }))
}

/** The columns in which one of these differs from what it was before. */
export function changedColumns(tasks: readonly Readonly<{ before: Task; task: Task }>[]): Filled[] {
  const after = tasks.map(({ task }) => task)
  return columnsOf(after, movingColumns).filter((_, column) => {
    const [, , of] = movingColumns[column]!
    return tasks.some(({ before, task }) => of(before) !== of(task))
  })
}

type Numbered = Readonly<{ rowId: number; task: Task }>

/** Each tag of each of these tasks. */
export function tagsOf(rows: readonly Numbered[]): (Numbered & Readonly<{ tag: string }>)[] {
  return rows.flatMap(({ rowId, task }) => [...new Set(task.tags)].map((tag) => ({ rowId, task, tag })))
}

/** The key of a tag's row: tag, time and number. */
export function tagColumns(tags: ReturnType<typeof tagsOf>): Value[][] {
  return [
    tags.map(({ tag }) => encodeText(tag)),
    tags.map(({ task }) => task.createdAt),
    tags.map(({ rowId }) => rowId),
  ]
}

/** Throws `TypeError` for what could not be kept, before it can spoil the group that it would be written with. */
export function mustBeEncodable({ id, type, parameters, idempotencyKey, requestHash }: Submission): void {
  for (const text of [id, type, parameters, idempotencyKey ?? '', requestHash ?? '']) encodeText(text)
}

function decoded(value: Value | undefined): string | null {
  return value === null ? null : decodeText(value as string)
}

const noTags: readonly string[] = Object.freeze([])
