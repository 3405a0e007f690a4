import type { Control, Status } from './task.ts'

/** One row of the lifecycle: who may move a task from which states to which. */
export type Move = Readonly<{
  from: readonly Status[]
  to: readonly Status[]
  who: 'API' | 'node' | 'promoter' | 'reaper' | 'reaper, node'
  why: string
}>

/**
 * The complete lifecycle. Guards, `docs/lifecycle.md` and the buttons of the page derive from this value;
 * nothing else decides what a task may do.
 */
export const lifecycle = {
  submit: {
    from: [],
    to: ['queued', 'scheduled'],
    who: 'API',
    why: 'A new task. `scheduled` if its `run_at` is in the future.',
  },
  due: {
    from: ['scheduled'],
    to: ['queued'],
    who: 'promoter',
    why: 'Its due time has come, by the clock of the store.',
  },
  claim: {
    from: ['queued'],
    to: ['running'],
    who: 'node',
    why: 'A node takes it into a slot. The fence rises, and a new attempt starts unless one is open.',
  },
  pause: {
    from: ['scheduled', 'queued'],
    to: ['paused'],
    who: 'API',
    why: 'Nothing is running yet, so the pause takes effect immediately.',
  },
  'ask-pause': {
    from: ['running'],
    to: ['pausing'],
    who: 'API',
    why: 'The request is stored and the node is notified. The handler continues to its next pause point.',
  },
  'settle-pause': {
    from: ['pausing'],
    to: ['paused'],
    who: 'node',
    why: 'The handler is at a pause point. Checkpoint and status commit together, and the slot is free.',
  },
  'take-back': {
    from: ['pausing'],
    to: ['running'],
    who: 'API',
    why: 'Resumed before the pause took effect. A late confirmation of that pause changes nothing.',
  },
  resume: {
    from: ['paused'],
    to: ['queued', 'scheduled'],
    who: 'API',
    why: 'Back to the queue, or to its due time. The fence does not change, so a parked handler can continue.',
  },
  cancel: {
    from: ['scheduled', 'queued', 'paused'],
    to: ['cancelled'],
    who: 'API',
    why: 'None of its code is alive, so it is cancelled immediately.',
  },
  'ask-cancel': {
    from: ['running', 'pausing', 'paused', 'queued', 'scheduled'],
    to: ['cancelling'],
    who: 'API',
    why: 'Its code is alive (running or parked) and must stop first. A cancel overrides a pause.',
  },
  complete: {
    from: ['running', 'pausing', 'paused', 'cancelling'],
    to: ['completed'],
    who: 'node',
    why: 'Finished work wins every race, even if a parked handler returns, provided its fence is still current.',
  },
  'settle-cancel': {
    from: ['cancelling'],
    to: ['cancelled'],
    who: 'node',
    why: 'The code has stopped, or was fenced off after the grace period.',
  },
  fence: {
    from: ['running', 'pausing', 'cancelling'],
    to: ['running', 'pausing', 'cancelling'],
    who: 'node',
    why: 'The code ignores its signal. The fence rises first, then the thread or process is killed.',
  },
  'retry-later': {
    from: ['running'],
    to: ['scheduled', 'queued'],
    who: 'node',
    why: 'The attempt failed and attempts are left. The next one starts after the back-off.',
  },
  'retry-paused': {
    from: ['pausing'],
    to: ['paused'],
    who: 'node',
    why: 'The attempt failed while a pause was requested. The retry waits for a resume.',
  },
  fail: {
    from: ['running', 'pausing'],
    to: ['failed'],
    who: 'node',
    why: 'No attempts are left, or the error is not retryable.',
  },
  release: {
    from: ['running'],
    to: ['queued'],
    who: 'node',
    why: 'The node is draining. This does not count as a failure.',
  },
  'release-paused': {
    from: ['pausing'],
    to: ['paused'],
    who: 'node',
    why: 'The node is draining while a pause is requested. This does not count as a failure.',
  },
  unpark: {
    from: ['paused', 'queued', 'scheduled'],
    to: ['paused', 'queued', 'scheduled'],
    who: 'node',
    why: 'The parked handler was unwound. The next run starts from the checkpoint.',
  },
  lost: {
    from: ['running'],
    to: ['queued', 'failed'],
    who: 'reaper, node',
    why: 'Its node or process died. A suspect with more crashes than the limit since its last checkpoint fails as `POISON`.',
  },
  'lost-pausing': {
    from: ['pausing'],
    to: ['paused'],
    who: 'reaper, node',
    why: 'Its node or process died. The requested pause takes effect.',
  },
  'lost-cancelling': {
    from: ['cancelling'],
    to: ['cancelled'],
    who: 'reaper, node',
    why: 'Its node or process died, and the code with it.',
  },
  'lost-parked': {
    from: ['paused', 'queued', 'scheduled'],
    to: ['paused', 'queued', 'scheduled'],
    who: 'reaper',
    why: 'The node that parked the handler died. The checkpoint remains.',
  },
  retry: {
    from: ['failed', 'cancelled'],
    to: ['queued'],
    who: 'API',
    why: 'Runs again on request. The fence rises, and failures and crashes start from zero.',
  },
} as const satisfies Record<string, Move>

export type MoveName = keyof typeof lifecycle

/** What each state means, for people. */
export const meanings: Readonly<Record<Status, string>> = {
  scheduled: 'Due later: submitted with a delay, or waiting for its next attempt.',
  queued: 'Waiting for a slot, ordered by priority and then by queue position.',
  running: 'A node is running its handler.',
  pausing: 'A pause is requested. The handler has not reached a pause point yet.',
  paused: 'Suspended. It holds no slot and continues when resumed.',
  cancelling: 'A cancel is requested. Its code has not stopped yet.',
  completed: 'Finished with a result. It never changes again.',
  failed: 'No attempts are left, or the error is not retryable. You can retry it.',
  cancelled: 'Cancelled. Its code has stopped or is fenced off. You can retry it.',
}

/** The moves each control may make, in the order in which they are tried. */
export const controlMoves = {
  pause: ['pause', 'ask-pause'],
  resume: ['take-back', 'resume'],
  cancel: ['cancel', 'ask-cancel'],
  retry: ['retry'],
} as const satisfies Record<Control, readonly MoveName[]>

/** The states in which an accepted control still holds: repeating it there succeeds without effect. */
export const standing = {
  pause: ['pausing', 'paused'],
  resume: ['scheduled', 'queued', 'running'],
  cancel: ['cancelling', 'cancelled'],
  retry: ['scheduled', 'queued', 'running'],
} as const satisfies Record<Control, readonly Status[]>

export function allows(move: MoveName, from: Status): boolean {
  return (lifecycle[move].from as readonly Status[]).includes(from)
}

/** The controls that a task in this status accepts: the buttons of a page. */
export function controlsFrom(status: Status): Control[] {
  return (Object.keys(controlMoves) as Control[]).filter((control) =>
    controlMoves[control].some((move) => allows(move, status)),
  )
}
