import type { ProgressReport, Status, TaskStatus, Transition } from '../data/shapes.ts'

/** A task as the page knows it. Its times (`execution_time`, ...) were true at `seen_at`, in Unix seconds of the server. */
export type LiveTask = TaskStatus & Readonly<{ seen_at: number }>

/** The task after a transition; one that is known already changes nothing. */
export function moved(task: LiveTask, event: Transition): LiveTask {
  if (event.version <= task.version) return task
  const { at, status, attempt, version, move } = event
  const ended = isTerminal(status)
  return {
    ...timed(task, at),
    status,
    attempt,
    version,
    started_at: task.started_at ?? (move === 'claim' ? at : null),
    completed_at: ended ? at : null,
    error: event.error ?? (status === 'completed' ? null : task.error),
    ended_by: event.ended_by ?? null,
    run_at: move === 'retry-later' ? null : task.run_at,
    progress:
      task.progress === null || isActive(status)
        ? task.progress
        : { ...task.progress, rate: null, eta_seconds: null },
  }
}

/** The task with what its handler last reported. */
export function progressed(task: LiveTask, report: ProgressReport): LiveTask {
  if (!isActive(task.status)) return task
  const { current, total, message, ratio, rate, eta_seconds: eta } = report
  return { ...task, progress: { current, total, message, ratio, rate, eta_seconds: eta } }
}

/** What an answer says, unless more is known already. */
export function merged(known: LiveTask | undefined, read: TaskStatus, now: number): LiveTask {
  return known !== undefined && known.version > read.version ? known : { ...read, seen_at: now }
}

export function isActive(status: Status): boolean {
  return status === 'running' || status === 'pausing' || status === 'cancelling'
}

export function isTerminal(status: Status): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled'
}

/** The clock that runs in its status has gone on until `at`. */
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
