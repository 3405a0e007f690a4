import type { Clock } from '../../core/clock.ts'
import { HandlerRun } from './task-context.ts'
import type { Executor } from './executor.ts'
import type { Lease } from './lease.ts'

/** Runs handlers on the main thread; they cooperate by awaiting `task.*`, and cannot be stopped by force. */
export function inlineExecutor(clock: Clock, lease?: Pick<Lease, 'lapses'>): Executor {
  return {
    start: (run, callbacks) => new HandlerRun(run, callbacks, clock, { lease }).begin(),
    hasRoom: () => true,
    close: async () => {},
  }
}
