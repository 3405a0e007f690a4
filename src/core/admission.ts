/** A bucket that a task needs to start. */
export type TaskLimit = Readonly<{ name: string; key: string }>

/** What decides when a task starts, besides its priority and its place in the queue. Never changes. */
export type Admission = Readonly<{
  /** By name. */
  limits: readonly TaskLimit[]
  /** Tasks with different keys take turns. */
  fairnessKey: string | null
  /** Turns of its fairness key beside one with a weight of 1. */
  weight: number
  /** Milliseconds in the queue that raise its priority by one; null if they do not. */
  aging: number | null
}>

/** There is no room for the submit at `index`: `max` tasks of its type wait or, if it is not null, for its bucket of a `limit`. */
export type Crowded = Readonly<{ kind: 'crowded'; index: number; limit: TaskLimit | null; max: number }>
