/** Why a task does not run now. Codes are stable. */
export const reasonCodes = [
  'due_later',
  'retry_later',
  'type_unknown',
  'type_held',
  'node_stopping',
  'no_slots',
  'concurrency_limit',
  'no_free_slot',
  'suspect',
  'others_first',
  'about_to_start',
  'paused',
  'pause_point',
  'stopping',
  'running',
  'ended',
] as const
export type ReasonCode = (typeof reasonCodes)[number]
export type Reason = Readonly<{ code: ReasonCode; message: string }>

/** Tasks before one in the queue are counted so far. */
export const positionLimit = 10_000
