import type { LoopDelay } from '../execution/executors/loop-watch.ts'

/** The state of a node. */
export type NodeState = Readonly<{
  id: string
  /** `starting` until the store is recovered; `draining` once it accepts no more work. */
  phase: 'starting' | 'ready' | 'draining' | 'closed'
  maxConcurrent: number
  /** Slots in use, including those of fenced-off code. */
  slotsInUse: number
  parked: number
  /** Delay of the main thread, and inline handlers that blocked it. */
  loop: LoopDelay
}>
