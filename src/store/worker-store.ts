import type { NewEntry } from '../core/audit.ts'
import type { NewWorker, Worker, WorkerRun } from '../core/worker.ts'

/**
 * Where remote workers live: among the nodes of the store, as nodes whose tasks have leases of their own. They stay alive when
 * nodes start and end.
 */
export interface WorkerStore {
  /** Adds a worker, or replaces the one with this name, which keeps its tasks and its secret. */
  register(worker: NewWorker, audit?: NewEntry): Promise<void>

  /** These workers have called just now. */
  see(ids: readonly string[]): Promise<void>

  /** All that are not forgotten, in the order of their latest registration. */
  list(): Promise<readonly Worker[]>

  /** Their active tasks, in any order. */
  runs(): Promise<readonly WorkerRun[]>

  /** Forgets workers that have not called for this many milliseconds. What they still run belongs to a dead node then. */
  forget(silence: number): Promise<void>
}
