import type { ProgressReport, Status, TaskStatus, Transition } from '../data/shapes.ts'

/** A task with its times (`execution_time`, ...) as of `seen_at`, in Unix seconds of the server. */
export type LiveTask = TaskStatus & Readonly<{ seen_at: number }>

/** The task after a transition; a known transition changes nothing. */
export function moved(task: LiveTask, event: Transition): LiveTask {
  if (event.version <= task.version) return task
  const { at, status, attempt, version } = event
  const ended = isTerminal(status)
  return {
    ...timed(task, at),
    status,
    attempt,
    version,
    started_at: task.started_at ?? (event.event === 'claimed' ? at : null),
    completed_at: ended ? at : null,
    error: event.error ?? (status === 'completed' ? null : task.error),
    ended_by: event.ended_by ?? null,
    run_at: movesDueTime.has(event.event) ? null : task.run_at,
    waiting_for: suspends.has(event.event) ? { tasks: 0, waits: [] } : task.waiting_for,
    expires_at: expiryAfter(task, event),
    progress:
      task.progress === null || isActive(status)
        ? task.progress
        : { ...task.progress, rate: null, eta_seconds: null },
  }
}

/** What it waits for is known once the task is read. */
const suspends: ReadonlySet<string> = new Set(['sleep_started', 'wait_started'])

/** The new time is known once the task is read. */
const movesDueTime: ReadonlySet<string> = new Set(['retry_scheduled', 'debounced', ...suspends, 'woken'])

/** What it is after a resume, or with newer parameters, is known once it is read. */
function expiryAfter({ expires_at }: LiveTask, { event, status }: Transition): number | null {
  if (event === 'resumed' || event === 'debounced' || event === 'retried') return null
  return isUnstarted(status) || event === 'expired' ? expires_at : null
}

/** The task with the latest progress. */
export function progressed(task: LiveTask, report: ProgressReport): LiveTask {
  if (!isActive(task.status)) return task
  const { current, total, message, ratio, rate, eta_seconds: eta } = report
  return { ...task, progress: { current, total, message, ratio, rate, eta_seconds: eta } }
}

/** The task from a response, unless a newer version is known. */
export function merged(known: LiveTask | undefined, read: TaskStatus, now: number): LiveTask {
  return known !== undefined && known.version > read.version ? known : { ...read, seen_at: now }
}

export function isActive(status: Status): boolean {
  return status === 'running' || status === 'pausing' || status === 'cancelling'
}

function isUnstarted(status: Status): boolean {
  return status === 'queued' || status === 'scheduled' || status === 'waiting'
}

export function isTerminal(status: Status): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled'
}

/** Advances the time that counts in the current status to `at`. */
function timed(task: LiveTask, at: number): LiveTask {
  const passed = Math.max(0, at - task.seen_at)
  const { status } = task
  return {
    ...task,
    seen_at: at,
    execution_time: task.execution_time + (isActive(status) ? passed : 0),
    queue_time: task.queue_time + (status === 'queued' ? passed : 0),
    paused_time: task.paused_time + (status === 'paused' ? passed : 0),
  }
}
