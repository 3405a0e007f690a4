import type { Control, Status } from './task.ts'

/** One row of the lifecycle: what happened to a task, between which statuses, and who causes it. */
export type LifecycleRow = Readonly<{
  /** The event, as named in the timeline. */
  event: string
  from: readonly Status[]
  to: readonly Status[]
  who: 'API' | 'node' | 'promoter' | 'promoter, node' | 'releaser' | 'expirer' | 'reaper' | 'reaper, node'
  why: string
}>

/**
 * The complete lifecycle. Guards, `docs/lifecycle.md` and the buttons of the page derive from this value; nothing else
 * decides what a task may do.
 */
export const lifecycle = [
  {
    event: 'submitted',
    from: [],
    to: ['queued', 'scheduled', 'waiting'],
    who: 'API',
    why: 'A new task; `waiting` until its predecessors have ended, `scheduled` while its `run_at` is in the future.',
  },
  {
    event: 'due',
    from: ['scheduled'],
    to: ['queued'],
    who: 'promoter',
    why: 'Its due time has come, by the clock of the store.',
  },
  {
    event: 'ready',
    from: ['waiting'],
    to: ['queued', 'scheduled'],
    who: 'releaser',
    why: 'Nothing is missing any more: all its predecessors have ended.',
  },
  {
    event: 'debounced',
    from: ['waiting', 'scheduled', 'queued', 'paused'],
    to: ['waiting', 'scheduled', 'queued', 'paused'],
    who: 'API',
    why: 'A submit with the same debounce key gave it newer parameters. It waits again, up to its limit.',
  },
  {
    event: 'claimed',
    from: ['queued'],
    to: ['running'],
    who: 'node',
    why: 'A node takes it into a slot. The fence rises, and a new attempt begins unless one is open.',
  },
  {
    event: 'paused',
    from: ['waiting', 'scheduled', 'queued'],
    to: ['paused'],
    who: 'API',
    why: 'Nothing is running yet, so the pause takes effect immediately.',
  },
  {
    event: 'pause_requested',
    from: ['running'],
    to: ['pausing'],
    who: 'API',
    why: 'The request is stored and the node is notified. The handler continues to its next pause point.',
  },
  {
    event: 'paused',
    from: ['pausing'],
    to: ['paused'],
    who: 'node',
    why: 'The handler reached a pause point. Its checkpoint and its status are one commit, and the slot is free.',
  },
  {
    event: 'pause_withdrawn',
    from: ['pausing'],
    to: ['running'],
    who: 'API',
    why: 'Resumed before the pause took effect: a pause that answers the older request matches nothing.',
  },
  {
    event: 'resumed',
    from: ['paused'],
    to: ['queued', 'scheduled', 'waiting'],
    who: 'API',
    why: 'Back to the queue, to its due time, or to what it waits for. The fence stays, so that a parked handler can continue.',
  },
  {
    event: 'cancelled',
    from: ['waiting', 'scheduled', 'queued', 'paused'],
    to: ['cancelled'],
    who: 'API',
    why: 'None of its code is alive, so it is cancelled immediately.',
  },
  {
    event: 'cancelled',
    from: ['paused', 'waiting', 'scheduled', 'queued'],
    to: ['cancelled'],
    who: 'releaser',
    why: 'A predecessor failed or was cancelled, and `on_failure` is `cancel`; or its parent has ended.',
  },
  {
    event: 'failed',
    from: ['waiting', 'paused'],
    to: ['failed'],
    who: 'releaser',
    why: 'A predecessor failed or was cancelled, and `on_failure` is `fail`.',
  },
  {
    event: 'expired',
    from: ['waiting', 'scheduled', 'queued'],
    to: ['cancelled'],
    who: 'expirer',
    why: 'It did not start within its `expires_in`. The clock stops while the task is paused.',
  },
  {
    event: 'cancel_requested',
    from: ['running', 'pausing', 'paused', 'queued', 'scheduled', 'waiting'],
    to: ['cancelling'],
    who: 'API',
    why: 'Its code is alive, running or parked, and must stop first. A cancel overrides a pause.',
  },
  {
    event: 'cancel_requested',
    from: ['waiting', 'scheduled', 'queued', 'running', 'pausing', 'paused'],
    to: ['cancelling'],
    who: 'releaser',
    why: 'Its parent has ended while its code is alive.',
  },
  {
    event: 'completed',
    from: ['running', 'pausing', 'paused', 'waiting', 'cancelling'],
    to: ['completed'],
    who: 'node',
    why: 'Finished work wins every race, even if a parked handler finishes it, as long as its fence is the newest.',
  },
  {
    event: 'cancelled',
    from: ['cancelling'],
    to: ['cancelled'],
    who: 'node',
    why: 'The code has stopped, or was fenced off after the grace period.',
  },
  {
    event: 'fence_raised',
    from: ['running', 'pausing', 'cancelling'],
    to: ['running', 'pausing', 'cancelling'],
    who: 'node',
    why: 'The code ignores its signal and is ended by force: the fence rises first, then the thread or process is killed.',
  },
  {
    event: 'sleep_started',
    from: ['running'],
    to: ['waiting'],
    who: 'node',
    why: 'The handler sleeps. Its checkpoint and the time at which it continues are one commit, and the slot is free.',
  },
  {
    event: 'wait_started',
    from: ['running'],
    to: ['waiting'],
    who: 'node',
    why: 'The handler waits for something other than time, such as an answer or its children. Its checkpoint and what it waits for are one commit, and the slot is free.',
  },
  {
    event: 'woken',
    from: ['waiting'],
    to: ['queued'],
    who: 'promoter, node',
    why: 'Its sleep is over, or another part of its handler continues.',
  },
  {
    event: 'answered',
    from: ['waiting'],
    to: ['queued'],
    who: 'API',
    why: 'Its handler waits for an answer, and one has come.',
  },
  {
    event: 'answered',
    from: ['waiting', 'scheduled', 'queued', 'running', 'pausing', 'paused', 'cancelling'],
    to: ['waiting', 'scheduled', 'queued', 'running', 'pausing', 'paused', 'cancelling'],
    who: 'API',
    why: 'An answer has come for which its handler does not wait now. It is kept until the handler comes to it.',
  },
  {
    event: 'children_ended',
    from: ['waiting'],
    to: ['queued'],
    who: 'releaser',
    why: 'Its handler waits for children, and the last of them has ended, or one that decides.',
  },
  {
    event: 'children_ended',
    from: ['waiting', 'scheduled', 'queued', 'running', 'pausing', 'paused', 'cancelling'],
    to: ['waiting', 'scheduled', 'queued', 'running', 'pausing', 'paused', 'cancelling'],
    who: 'releaser',
    why: 'The same while its handler does something else. It looks at its children before it waits again.',
  },
  {
    event: 'retry_scheduled',
    from: ['running'],
    to: ['scheduled', 'queued'],
    who: 'node',
    why: 'The attempt failed and attempts are left. The next one starts after the back-off.',
  },
  {
    event: 'retry_scheduled',
    from: ['pausing'],
    to: ['paused'],
    who: 'node',
    why: 'The attempt failed after a pause was requested: the retry waits for a resume.',
  },
  {
    event: 'failed',
    from: ['running', 'pausing'],
    to: ['failed'],
    who: 'node',
    why: 'No attempts are left, or the error is not retryable.',
  },
  {
    event: 'released',
    from: ['running'],
    to: ['queued'],
    who: 'node',
    why: 'The node released it, because it is draining or could not start it. This uses no attempt.',
  },
  {
    event: 'released',
    from: ['pausing'],
    to: ['paused'],
    who: 'node',
    why: 'The node released it after a pause was requested. This uses no attempt.',
  },
  {
    event: 'unparked',
    from: ['paused', 'waiting', 'queued', 'scheduled'],
    to: ['paused', 'waiting', 'queued', 'scheduled'],
    who: 'node',
    why: 'The parked handler was removed from memory; the next run starts from the checkpoint.',
  },
  {
    event: 'lost',
    from: ['running'],
    to: ['queued', 'failed'],
    who: 'reaper, node',
    why: 'Its node or process died. A suspect that is lost more often than allowed since its last checkpoint fails as `POISON`.',
  },
  {
    event: 'lost',
    from: ['pausing'],
    to: ['paused'],
    who: 'reaper, node',
    why: 'Its node or process died; the requested pause takes effect.',
  },
  {
    event: 'lost',
    from: ['cancelling'],
    to: ['cancelled'],
    who: 'reaper, node',
    why: 'Its node or process died, and its code with it.',
  },
  {
    event: 'park_lost',
    from: ['paused', 'waiting', 'queued', 'scheduled'],
    to: ['paused', 'waiting', 'queued', 'scheduled'],
    who: 'reaper',
    why: 'The node that parked the handler died; the checkpoint remains.',
  },
  {
    event: 'retried',
    from: ['failed', 'cancelled'],
    to: ['queued'],
    who: 'API',
    why: 'Runs again on request. The fence rises, and failures and crashes start from zero.',
  },
] as const satisfies readonly LifecycleRow[]

/** An event, as named in the timeline. */
export type EventName = (typeof lifecycle)[number]['event']

const rows: readonly LifecycleRow[] = lifecycle

/** All events once, in the order of the table. */
export const eventNames: readonly EventName[] = [...new Set(lifecycle.map(({ event }) => event))]

/** What each status means, for people. */
export const meanings: Readonly<Record<Status, string>> = {
  waiting: 'Waits for other tasks to end or for an answer, or sleeps. It holds no slot.',
  scheduled: 'Due later: it was submitted with a delay, or waits for its next attempt.',
  queued: 'Waiting for a slot, by priority and then by position in the queue.',
  running: 'A node is running its handler.',
  pausing: 'A pause is requested; the handler has not reached a pause point yet.',
  paused: 'Suspended. It holds no slot and continues when it is resumed.',
  cancelling: 'A cancel is requested; its code has not stopped yet.',
  completed: 'Finished with a result. It never changes again.',
  failed: 'No attempts are left, or the error is not retryable. You can retry it.',
  cancelled: 'Cancelled. Its code has stopped or is fenced off. You can retry it.',
}

/** The events that each control may cause, in the order in which they are tried. */
export const controlEvents = {
  pause: ['paused', 'pause_requested'],
  resume: ['pause_withdrawn', 'resumed'],
  cancel: ['cancelled', 'cancel_requested'],
  retry: ['retried'],
} as const satisfies Record<Control, readonly EventName[]>

/** Statuses in which an accepted control is in effect: repeating it there succeeds and changes nothing. */
export const standing = {
  pause: ['pausing', 'paused'],
  resume: ['waiting', 'scheduled', 'queued', 'running'],
  cancel: ['cancelling', 'cancelled'],
  retry: ['scheduled', 'queued', 'running'],
} as const satisfies Record<Control, readonly Status[]>

/** Whether the lifecycle has this event between these statuses. */
export function allows(event: EventName, from: Status, to: Status): boolean {
  return rows.some((row) => row.event === event && row.from.includes(from) && row.to.includes(to))
}

/** Whether a caller may cause this event for a task in this status. */
export function mayRequest(event: EventName, from: Status): boolean {
  return rows.some((row) => row.who === 'API' && row.event === event && row.from.includes(from))
}

/** Whether a task in this status accepts the control. */
export function accepts(control: Control, status: Status): boolean {
  return controlEvents[control].some((event) => mayRequest(event, status))
}

/** The controls that a task in this status accepts: the buttons of a page. */
export function controlsFrom(status: Status): Control[] {
  return (Object.keys(controlEvents) as Control[]).filter((control) => accepts(control, status))
}
