import { parseDuration } from '../core/duration.ts'
import { conflictActions, uniqueSpans, type ConflictAction, type UniqueSpan } from '../core/unique-options.ts'
import type { Duration } from './context.ts'

/** How a key is unique, in a definition and on a submit. */
export interface UniqueOptions {
  /** How long a task keeps its key: until its first start (`queued`), or until its end (`unfinished`). Default `unfinished`. */
  while?: UniqueSpan
  /** The key is free after this time in any case. Default: no limit. */
  for?: Duration
  /**
   * What a submit does whose key another task has: return that task, replace it, or be rejected. A task that has started
   * cannot be replaced: then the submit is rejected. Default `return`.
   */
  onConflict?: ConflictAction
}

/** On a submit. */
export type UniqueSubmit = Readonly<UniqueOptions & { key: string }>

/** In a definition. Without a key, the task is not unique. */
export interface UniqueDefinition<Parameters> extends UniqueOptions {
  key(parameters: Parameters): string | null | undefined
}

/** A checked definition. */
export type UniqueRule = Readonly<{
  key: (parameters: unknown) => unknown
  while: UniqueSpan
  /** Milliseconds. */
  for: number | null
  onConflict: ConflictAction
}>

/** Fills in defaults; `refuse` hears what is invalid. */
export function uniqueOf(
  options: UniqueOptions,
  refuse: (path: string, message: string) => void,
): Omit<UniqueRule, 'key'> {
  const { while: span = 'unfinished', for: lasts, onConflict = 'return' } = options
  const ms = lasts === undefined ? null : (parseDuration(lasts) ?? 0)
  if (!uniqueSpans.includes(span)) refuse('while', `must be ${uniqueSpans.join(' or ')}`)
  if (ms !== null && ms <= 0) refuse('for', 'must be a positive duration: seconds, or text like "10m"')
  if (!conflictActions.includes(onConflict)) refuse('onConflict', `must be ${conflictActions.join(', ')}`)
  return { while: span, for: ms, onConflict }
}
