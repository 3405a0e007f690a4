import { toErrorRecord } from '../../core/error-record.ts'
import { TaskError, TooLarge } from '../../core/errors.ts'
import { misfitOf, type Misfit } from '../../core/json-value.ts'
import type { Json } from '../../core/task.ts'
import { waitLimits } from '../../core/wait.ts'

export class NotJson extends TaskError {
  readonly code = 'NOT_JSON'
}

/** Bytes. */
export const limits = {
  parameters: 1_048_576,
  checkpoint: 1_048_576,
  result: 10_485_760,
  'step result': 1_048_576,
  answer: waitLimits.answer,
  /** Of a command, which gets all of them at its start. */
  'step results': 10_485_760,
  /** The same, of the children that it has joined. */
  'joined results': 10_485_760,
} as const

/**
 * The value as text; `undefined` becomes null. Throws `NotJson` for values that JSON would change silently, with their path
 * below `what`, or `TooLarge`.
 */
export function toJson(value: unknown, what: keyof typeof limits): Json {
  let text: string | undefined
  let misfit: Misfit | undefined
  try {
    misfit = misfitOf(value, what)
    if (misfit === undefined) text = JSON.stringify(value === undefined ? null : value)
  } catch (error) {
    throw new NotJson(`The ${what} cannot be stored as JSON: ${toErrorRecord(error).message}.`)
  }
  if (misfit !== undefined) throw new NotJson(`${misfit.path}: ${misfit.message}.`)
  if (text === undefined)
    throw new NotJson(`The ${what} cannot be stored as JSON: its toJSON returns nothing.`)
  const limit = limits[what]
  if (text.length * 3 > limit && Buffer.byteLength(text) > limit) throw new TooLarge(what, limit)
  return text
}
