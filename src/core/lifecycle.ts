import type { Control, Status } from './task.ts'

/** One row of the lifecycle: who may move a task from where to where. */
export type Move = Readonly<{
  from: readonly Status[]
  to: readonly Status[]
  who: 'API' | 'node' | 'promoter' | 'reaper' | 'reaper, node'
  why: string
}>

/**
 * The lifecycle, whole. Guards, `docs/lifecycle.md` and the buttons of the page derive from this value;
 * nothing else decides what a task may do.
 */
export const lifecycle = {
  submit: {
    from: [],
    to: ['queued', 'scheduled'],
    who: 'API',
    why: 'A new task; `scheduled` while its `run_at` is ahead.',
  },
  due: {
    from: ['scheduled'],
    to: ['queued'],
    who: 'promoter',
    why: 'Its time has come, by the clock of the store.',
  },
  claim: {
    from: ['queued'],
    to: ['running'],
    who: 'node',
    why: 'A node takes it into a slot; the fence rises, and a new attempt begins unless one is open.',
  },
  pause: {
    from: ['scheduled', 'queued'],
    to: ['paused'],
    who: 'API',
    why: 'Nothing runs yet, so it is paused at once.',
  },
  'ask-pause': {
    from: ['running'],
    to: ['pausing'],
    who: 'API',
    why: 'The wish is stored and the node told; the handler goes on to its next pause point.',
  },
  'settle-pause': {
    from: ['pausing'],
    to: ['paused'],
    who: 'node',
    why: 'The handler is at a pause point; checkpoint and status are one commit, the slot is free.',
  },
  'take-back': {
    from: ['pausing'],
    to: ['running'],
    who: 'API',
    why: 'Resume before the pause took hold: a settle of the older wish matches nothing.',
  },
  resume: {
    from: ['paused'],
    to: ['queued', 'scheduled'],
    who: 'API',
    why: 'Back into the queue, or to its due time. The fence stays, so that a parked handler can go on.',
  },
  cancel: {
    from: ['scheduled', 'queued', 'paused'],
    to: ['cancelled'],
    who: 'API',
    why: 'No code of it is alive, so it is cancelled at once.',
  },
  'ask-cancel': {
    from: ['running', 'pausing', 'paused', 'queued', 'scheduled'],
    to: ['cancelling'],
    who: 'API',
    why: 'Code of it is alive (running or parked) and must stop first. Cancel beats pause.',
  },
  complete: {
    from: ['running', 'pausing', 'paused', 'cancelling'],
    to: ['completed'],
    who: 'node',
    why: 'Work that is done wins every race; even a parked handler that returns, while its fence holds.',
  },
  'settle-cancel': {
    from: ['cancelling'],
    to: ['cancelled'],
    who: 'node',
    why: 'The code has stopped, or was fenced off after the grace.',
  },
  fence: {
    from: ['running', 'pausing', 'cancelling'],
    to: ['running', 'pausing', 'cancelling'],
    who: 'node',
    why: 'The code ignores its signal and is ended by force: the fence rises first, then the thread or process is killed.',
  },
  'retry-later': {
    from: ['running'],
    to: ['scheduled', 'queued'],
    who: 'node',
    why: 'The attempt failed and budget is left: again after the back-off.',
  },
  'retry-paused': {
    from: ['pausing'],
    to: ['paused'],
    who: 'node',
    why: 'The attempt failed while it was asked to pause: the retry waits for the resume.',
  },
  fail: {
    from: ['running', 'pausing'],
    to: ['failed'],
    who: 'node',
    why: 'The budget is spent, or the error says that no retry can help.',
  },
  release: {
    from: ['running'],
    to: ['queued'],
    who: 'node',
    why: 'The node drains; no budget is used.',
  },
  'release-paused': {
    from: ['pausing'],
    to: ['paused'],
    who: 'node',
    why: 'The node drains while a pause is asked; no budget is used.',
  },
  unpark: {
    from: ['paused', 'queued', 'scheduled'],
    to: ['paused', 'queued', 'scheduled'],
    who: 'node',
    why: 'The suspended handler was unwound; the next run starts from the checkpoint.',
  },
  lost: {
    from: ['running'],
    to: ['queued', 'failed'],
    who: 'reaper, node',
    why: 'Its node or process died. A suspect with more losses than the limit since the last checkpoint is `POISON`.',
  },
  'lost-pausing': {
    from: ['pausing'],
    to: ['paused'],
    who: 'reaper, node',
    why: 'Its node or process died; the wish to pause survives.',
  },
  'lost-cancelling': {
    from: ['cancelling'],
    to: ['cancelled'],
    who: 'reaper, node',
    why: 'Its node or process died, and with it the code.',
  },
  'lost-parked': {
    from: ['paused', 'queued', 'scheduled'],
    to: ['paused', 'queued', 'scheduled'],
    who: 'reaper',
    why: 'The node that parked the handler died; the checkpoint remains.',
  },
  retry: {
    from: ['failed', 'cancelled'],
    to: ['queued'],
    who: 'API',
    why: 'Once more, on request: the fence rises and the budgets are new.',
  },
} as const satisfies Record<string, Move>

export type MoveName = keyof typeof lifecycle

/** What each state means to a person. */
export const meanings: Readonly<Record<Status, string>> = {
  scheduled: 'It is due later: it was submitted with a delay, or waits for its next attempt.',
  queued: 'It waits for a slot, by priority and then by its place in the queue.',
  running: 'A node runs its handler.',
  pausing: 'A pause is asked; the handler has not come to a pause point yet.',
  paused: 'It stands still, holds no slot, and goes on when it is resumed.',
  cancelling: 'A cancel is asked; its code has not stopped yet.',
  completed: 'It has its result. Nothing changes it any more.',
  failed: 'Its attempts are used up, or no retry can help. A retry by hand begins anew.',
  cancelled: 'It was cancelled, and its code has stopped or is fenced off. A retry by hand begins anew.',
}

/** The moves that each control may make, in the order in which they are tried. */
export const controlMoves = {
  pause: ['pause', 'ask-pause'],
  resume: ['take-back', 'resume'],
  cancel: ['cancel', 'ask-cancel'],
  retry: ['retry'],
} as const satisfies Record<Control, readonly MoveName[]>

/** Where a control that was accepted still stands: repeated there, it succeeds without effect. */
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
