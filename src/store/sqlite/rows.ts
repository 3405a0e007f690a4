import type { Control, EndedBy, ErrorRecord, Progress, Status, Task } from '../../core/task.ts'
import { backoffOf, backoffText } from '../codec.ts'

type Value = string | number | null

/** Columns that no move changes, in the order of the insert. */
export const fixedColumns = [
  'row_id',
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
] as const

/** Columns that a move may change. */
export const movingColumns = [
  'status',
  'queue_position',
  'version',
  'fence',
  'attempt',
  'attempt_open',
  'failures',
  'crashes',
  'owner_node',
  'requested_control',
  'run_at',
  'started_at',
  'completed_at',
  'status_since',
  'saved_at',
  'active_ms',
  'attempt_base_ms',
  'queued_ms',
  'paused_ms',
  'progress',
  'error',
  'ended_by',
  'delay',
] as const

export function fixedValues(rowId: number, task: Task): Value[] {
  return [
    rowId,
    task.id,
    task.type,
    task.priority,
    task.maxAttempts,
    task.timeout,
    backoffText(task.backoff),
    task.tags.length === 0 ? '[]' : JSON.stringify(task.tags),
    task.idempotencyKey,
    task.requestHash,
    task.createdAt,
  ]
}

export function movingValues(task: Task): Value[] {
  return [
    task.status,
    task.queuePosition,
    task.version,
    task.fence,
    task.attempt,
    task.attemptOpen ? 1 : 0,
    task.failures,
    task.crashes,
    task.ownerNode,
    task.requestedControl,
    task.runAt,
    task.startedAt,
    task.completedAt,
    task.statusSince,
    task.savedAt,
    task.activeMs,
    task.attemptBaseMs,
    task.queuedMs,
    task.pausedMs,
    task.progress === null ? null : JSON.stringify(task.progress),
    task.error === null ? null : JSON.stringify(task.error),
    task.endedBy,
    task.delay,
  ]
}

/** A row as `fixedColumns` and then `movingColumns`, as an array. */
export type Row = readonly Value[]

export const selectedColumns = [...fixedColumns, ...movingColumns].join(', ')

export function numberOf(row: Row): number {
  return row[0] as number
}

export function taskOf(row: Row): Task {
  const progress = row[30] as string | null
  const error = row[31] as string | null
  return {
    id: row[1] as string,
    type: row[2] as string,
    status: row[11] as Status,
    priority: row[3] as number,
    queuePosition: row[12] as number,
    version: row[13] as number,
    fence: row[14] as number,
    attempt: row[15] as number,
    attemptOpen: row[16] === 1,
    maxAttempts: row[4] as number,
    failures: row[17] as number,
    crashes: row[18] as number,
    timeout: row[5] as number | null,
    backoff: backoffOf(row[6] as string),
    tags: row[7] === '[]' ? noTags : (JSON.parse(row[7] as string) as string[]),
    idempotencyKey: row[8] as string | null,
    requestHash: row[9] as string | null,
    ownerNode: row[19] as string | null,
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

const noTags: readonly string[] = Object.freeze([])
