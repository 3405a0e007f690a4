import type { Progress, Status, TaskError, TaskEvent, TaskStatus } from '../../client/index.ts'

/** A task as known to a watcher. */
export type Row = Readonly<{
  id: string
  type: string
  status: Status
  version: number
  attempt: number
  maxAttempts: number
  progress: Progress | null
  error: TaskError | null
  /** Active seconds at `seenAt`. */
  activeSeconds: number
  /** Milliseconds by the clock of this machine. */
  seenAt: number
}>

export function rowOf(task: TaskStatus, now: number): Row {
  return {
    id: task.task_id,
    type: task.task_type,
    status: task.status,
    version: task.version,
    attempt: task.attempt,
    maxAttempts: task.max_attempts,
    progress: task.progress,
    error: task.error,
    activeSeconds: task.execution_time,
    seenAt: now,
  }
}

/** The row after an event; unchanged if the event is older. */
export function after(row: Row, event: TaskEvent, now: number): Row {
  if (event.kind === 'log') return row
  const activeSeconds = activeAt(row, now)
  if (event.kind === 'progress') {
    const { kind: _, task_id: __, at: ___, ...progress } = event
    return { ...row, progress, activeSeconds, seenAt: now }
  }
  if (event.version <= row.version) return row
  const { version, status, attempt } = event
  const error = event.error ?? (status === 'failed' ? row.error : null)
  return { ...row, version, status, attempt, error, activeSeconds, seenAt: now }
}

/** Active seconds by now; they count while the code is running. */
export function activeAt({ status, activeSeconds, seenAt }: Row, now: number): number {
  const runs = status === 'running' || status === 'pausing' || status === 'cancelling'
  return runs ? activeSeconds + (now - seenAt) / 1_000 : activeSeconds
}
