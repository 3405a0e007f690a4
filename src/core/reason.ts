/** Why a task is not running now. Codes are stable. */
export const reasonCodes = [
  'predecessors',
  'sleeping',
  'answer',
  'children',
  'due_later',
  'retry_later',
  'type_unknown',
  'type_held',
  'node_stopping',
  'no_slots',
  'no_worker',
  'waits_for_worker',
  'concurrency_limit',
  'limit_full',
  'rate_limit',
  'no_free_slot',
  'suspect',
  'others_first',
  'about_to_start',
  'expires',
  'paused',
  'pause_point',
  'stopping',
  'running',
  'ended',
] as const
export type ReasonCode = (typeof reasonCodes)[number]
export type Reason = Readonly<{ code: ReasonCode; message: string }>

/** Tasks ahead in the queue are counted up to this number. */
export const positionLimit = 10_000
