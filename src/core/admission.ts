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
