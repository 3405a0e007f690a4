/**
 * What a suspended handler waits for besides a time. What it waits for happens in a transaction of its own, which also counts it in `news`
 * of the task: a handler that has not looked since does not fall asleep, and one that sleeps is queued.
 */
export type Awaits = Readonly<{
  /** `news` of the task before the handler last looked. */
  seen: number
  /** Names of its open waits, the first of them. */
  waits: readonly string[]
  /** How many children for which it waits had not ended when it last looked; absent for none. */
  children?: number
}>

/** Names that the row of a task keeps of what it waits for. */
export const namedAwaits = 10
