import { TaskError } from './errors.ts'
import { stepTitle, type StepKey } from './step.ts'
import type { Json } from './task.ts'

/** What a wait is stored under: its name, and which use of the name it is in a run, from 1. */
export type WaitKey = StepKey

/** `early`: it was answered before a run came to it, and whether the answer fits is not known yet. */
export type WaitStatus = 'early' | 'open' | 'answered' | 'timed_out'

/** A point at which a handler needs an answer, as it is stored. Once it is answered or has timed out, it stays so. */
export type Wait = WaitKey &
  Readonly<{
    status: WaitStatus
    /** Of the token that answers it; null before a run has come to it. */
    tokenHash: string | null
    /** A `Question` as text; null before a run has come to it. */
    question: Json | null
    /** When a run came to it, or when it was answered before. */
    createdAt: number
    /** Milliseconds that it waits, and until when. */
    timeout: number | null
    expiresAt: number | null
    answeredAt: number | null
    /** The name of the caller. */
    answeredBy: string | null
    answer: Json | null
  }>

/** What a wait asks. */
export type Question = Readonly<{
  /** Who has it may answer. */
  token: string
  /** A JSON schema that the answer must fit; null for any. */
  schema: Readonly<Record<string, unknown>> | null
  /** For people. */
  message: string | null
}>

/** That a run has come to a wait. */
export type WaitReached = WaitKey &
  Readonly<{
    tokenHash: string
    question: Json
    timeout: number | null
    /** Whether an early answer, if there is one, fits: one that does not is dropped. */
    early?: 'fits' | 'misfit'
    /** Its time is over. */
    timedOut?: true
  }>

/** What a run asks for when it comes to a wait. `schema`: a JSON schema. */
export type WaitRequest = WaitKey &
  Readonly<{
    schema: Json | null
    message: string | null
    /** Milliseconds. */
    timeout: number | null
    /** Its time is over, as the run has measured it. */
    timedOut: boolean
  }>

/** How a wait is when a run looks. */
export type WaitState =
  | Readonly<{ kind: 'answered'; answer: Json }>
  | Readonly<{ kind: 'timed-out' }>
  /** `left`: milliseconds until it times out. `seen`: `news` of the task at that moment. */
  | Readonly<{ kind: 'open'; left: number | null; seen: number }>
  | Readonly<{ kind: 'unreadable'; why: string }>
  /** The task has as many waits as it may have. */
  | Readonly<{ kind: 'full' }>

/** Characters of a name and of a message, bytes of a schema and of an answer, and waits of a task. */
export const waitLimits = { name: 200, message: 4_000, schema: 65_536, answer: 65_536, waits: 1_000 } as const

/** The wait after a run has come to it; the same if that changes nothing. */
export function waitReached(stored: Wait | undefined, reached: WaitReached, now: number): Wait {
  const { name, occurrence, tokenHash, question, timeout, early, timedOut } = reached
  const opened = {
    tokenHash,
    question,
    timeout,
    createdAt: now,
    expiresAt: timeout === null ? null : now + timeout,
  }
  const unanswered = { status: 'open', answeredAt: null, answeredBy: null, answer: null } as const
  if (stored === undefined) return { name, occurrence, ...opened, ...unanswered }
  if (stored.status === 'early') {
    if (early === undefined) return stored
    return early === 'fits'
      ? { ...stored, ...opened, status: 'answered' }
      : { ...stored, ...opened, ...unanswered }
  }
  return stored.status === 'open' && timedOut === true ? { ...stored, status: 'timed_out' } : stored
}

/** An answer. `early`: its caller has seen no such wait, so nothing says whether it fits. */
export type WaitAnswer = WaitKey & Readonly<{ answer: Json; by: string; early: boolean }>

/**
 * The wait with its first answer. `late`: it was answered, or has timed out, before. `opened`: a run has come to it in the meantime: the
 * answer must be checked. `gone`: there is no such wait any more.
 */
export function waitAnswered(
  stored: Wait | undefined,
  { name, occurrence, answer, by, early }: WaitAnswer,
  now: number,
): Wait | 'late' | 'opened' | 'gone' {
  const answered = { answer, answeredAt: now, answeredBy: by }
  if (stored?.status === 'open') return early ? 'opened' : { ...stored, ...answered, status: 'answered' }
  if (stored !== undefined) return 'late'
  if (!early) return 'gone'
  return {
    name,
    occurrence,
    status: 'early',
    tokenHash: null,
    question: null,
    createdAt: now,
    timeout: null,
    expiresAt: null,
    ...answered,
  }
}

/** What the timeline says about it. */
export function newsOf({ by, name, occurrence }: WaitAnswer) {
  return { event: 'answered', by, why: stepTitle({ name, occurrence }) } as const
}

export class TooManyWaits extends TaskError {
  readonly code = 'TOO_MANY_WAITS'

  constructor() {
    super(
      `A task has at most ${waitLimits.waits} waits. Ask for more in each answer, or submit the rest as further tasks.`,
    )
  }
}

/** A wait cannot be answered any more. */
export class WaitAnswered extends TaskError {
  readonly code = 'WAIT_ANSWERED'

  constructor({ status, answeredBy, ...key }: Pick<Wait, 'name' | 'occurrence' | 'status' | 'answeredBy'>) {
    super(
      status === 'timed_out'
        ? `The wait ${stepTitle(key)} has timed out: its task continued without an answer.`
        : `The wait ${stepTitle(key)} was answered before, by ${answeredBy ?? 'somebody'}: the first answer counts.`,
    )
  }
}

/** Nothing waits for this answer. */
export class WaitUnknown extends TaskError {
  readonly code = 'WAIT_UNKNOWN'

  constructor(why: 'token' | 'task-ended' | 'task-gone', detail = '') {
    super(
      why === 'token'
        ? 'There is no wait with this token. Its task may have been deleted, or retried from the start.'
        : why === 'task-ended'
          ? `The task is ${detail}: nothing waits for an answer any more.`
          : 'There is no such wait any more: its task was retried from the start. Try again.',
    )
  }
}

/** Throws `TypeError` or `RangeError`. */
export function mustBeWaitName(name: unknown): asserts name is string {
  if (typeof name !== 'string') throw new TypeError('The name of a wait must be text.')
  if (name === '' || name.length > waitLimits.name)
    throw new RangeError(`The name of a wait must have 1 to ${waitLimits.name} characters.`)
}
