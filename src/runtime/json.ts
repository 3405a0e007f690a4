import { TaskError, TooLarge } from '../core/errors.ts'
import type { Json } from '../core/task.ts'

export class NotJson extends TaskError {
  readonly code = 'NOT_JSON'
}

/** Bytes. */
export const limits = {
  parameters: 1_048_576,
  checkpoint: 1_048_576,
  result: 10_485_760,
} as const

/** The value as text; `undefined` becomes null. Throws `NotJson` or `TooLarge`, naming `what`. */
export function toJson(value: unknown, what: keyof typeof limits): Json {
  let text: string | undefined
  try {
    text = JSON.stringify(value === undefined ? null : value)
  } catch (error) {
    throw new NotJson(`The ${what} cannot be written as JSON: ${(error as Error).message}.`)
  }
  if (text === undefined) throw new NotJson(`The ${what} cannot be written as JSON: it is a ${typeof value}.`)
  const limit = limits[what]
  if (text.length * 3 > limit && Buffer.byteLength(text) > limit) throw new TooLarge(what, limit)
  return text
}
