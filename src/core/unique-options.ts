/** What happens to a submit whose key another task has. */
export const conflictActions = ['return', 'replace', 'reject'] as const

export type ConflictAction = (typeof conflictActions)[number]

/** How long a task keeps its key: until its first start, or until its end. */
export const uniqueSpans = ['queued', 'unfinished'] as const

export type UniqueSpan = (typeof uniqueSpans)[number]

/** A key that at most one task of its type has at any time. */
export type UniqueKey = Readonly<{
  key: string
  while: UniqueSpan
  /** Milliseconds after which the key is free even if the task still waits or runs; null: no limit. */
  for: number | null
  /** The task waits for newer parameters, which submits with the same key give it. */
  debounced?: true
}>

/** What a submit asks for. */
export type UniqueRequest = UniqueKey &
  Readonly<{
    /** `debounce`: the task that has the key gets the parameters, and waits again for the delay of the submit. */
    onConflict: ConflictAction | 'debounce'
    /** For `debounce`: milliseconds from the first submit after which the task waits no longer; null: no limit. */
    max?: number | null
  }>
