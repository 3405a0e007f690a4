import type { LoopDelay } from '../execution/executors/loop-watch.ts'

/** What a node tells of itself. */
export type NodeState = Readonly<{
  id: string
  /** `starting` until the store is recovered; `draining` once it takes no more work. */
  phase: 'starting' | 'ready' | 'draining' | 'closed'
  maxConcurrent: number
  /** Slots taken, those of fenced-off code included. */
  slotsInUse: number
  parked: number
  /** How late the main thread of this process was, and which inline handlers kept it. */
  loop: LoopDelay
}>
