/** What the design promises, word for word. Every violation names the promise that it breaks. */
export const promises = {
  durable: 'An acknowledged task is never lost',
  shown: 'Nobody is shown what could still vanish',
  fenced: "A handler may run more than once; only the newest attempt's outcome is recorded",
  paused: 'A paused task holds no slot and survives everything',
  cancelled: 'Cancel means stopped',
  clocks: 'Clocks stop while paused',
  terminal: 'A terminal task never changes',
  limits: 'Limits are exact',
  flat: 'Cost is flat',
  known: 'Nobody acts without being known',
  told: 'Each webhook receives every change, and the changes of one task in order',
  asked: 'The first answer to a wait is accepted, and its handler gets it',
  /** Follows from the others, and is what callers notice first. */
  ends: 'Everything ends once faults stop',
} as const

export type PromiseName = keyof typeof promises

/** `at`: virtual milliseconds. */
export type Violation = Readonly<{ promise: PromiseName; title: string; message: string; at: number }>
