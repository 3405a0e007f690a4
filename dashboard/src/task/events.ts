import { say } from '../language/say.ts'

/** Display names of timeline events. */
const names: Readonly<Record<string, string>> = {
  submitted: say.common.submitted,
  due: say.task.due,
  ready: say.task.readyToStart,
  debounced: say.task.debounced,
  claimed: say.common.started,
  pause_requested: say.task.pauseRequested,
  paused: say.common.paused,
  pause_withdrawn: say.task.pauseWithdrawn,
  resumed: say.task.resumed,
  cancel_requested: say.task.cancelRequested,
  cancelled: say.common.cancelled,
  completed: say.common.completed,
  fence_raised: say.task.fenceRaised,
  sleep_started: say.task.sleepStarted,
  wait_started: say.task.waitStarted,
  woken: say.task.woken,
  answered: say.task.answered,
  children_ended: say.task.childrenEnded,
  retry_scheduled: say.task.retryScheduled,
  failed: say.common.failed,
  released: say.task.releasedByItsNode,
  unparked: say.task.removedFromMemory,
  lost: say.task.nodeOrProcessLost,
  park_lost: say.task.parkedHandlerLost,
  retried: say.task.retried,
}

/** Unknown events, from a newer server, keep their own names. */
export function eventName(event: string): string {
  const words = event.replaceAll('_', ' ')
  return names[event] ?? `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`
}
