import type { NewEntry } from '../../core/audit.ts'
import {
  registeredAgain,
  type NewWorker,
  type Worker,
  type WorkerBody,
  type WorkerRun,
} from '../../core/worker.ts'
import type { StoredRow } from '../columns.ts'
import type { SteadyTime } from '../steady-time.ts'
import type { WorkerStore } from '../worker-store.ts'
import { taskOf } from './rows.ts'
import type { Statements } from './statements.ts'

/** What the workers use of the store. */
export type WorkerSource = Readonly<{
  sql(): Statements
  time: SteadyTime
  write<T>(run: () => T): Promise<T>
  read<T>(look: () => T): T
  /** Within the transaction of the change. */
  audit(entry: NewEntry | undefined, at: number): void
}>

/** Workers, in the table of nodes. */
export class SqliteWorkers implements WorkerStore {
  readonly #store: WorkerSource

  constructor(store: WorkerSource) {
    this.#store = store
  }

  register(worker: NewWorker, audit?: NewEntry): Promise<void> {
    return this.#store.write(() => {
      const { worker: workerById, putWorker } = this.#store.sql()
      const row = workerById.get(worker.id) as unknown as [string] | undefined
      const body = registeredAgain(worker.body, row && (JSON.parse(row[0]) as WorkerBody))
      const now = this.#store.time.now()
      putWorker.run(worker.id, JSON.stringify(body), now, now)
      this.#store.audit(audit, now)
    })
  }

  see(ids: readonly string[]): Promise<void> {
    return this.#store.write(() => {
      const now = this.#store.time.now()
      for (const id of ids) this.#store.sql().seeWorker.run(now, id)
    })
  }

  async list(): Promise<readonly Worker[]> {
    return this.#store.read(() => (this.#store.sql().workers.all() as unknown as WorkerRow[]).map(workerOf))
  }

  async runs(): Promise<readonly WorkerRun[]> {
    const { time } = this.#store
    const now = time.now()
    return this.#store.read(() =>
      (this.#store.sql().workerRuns.all() as unknown as StoredRow[]).map((row) => {
        const task = taskOf(row)
        const { statusSince, savedAt, activeMs } = task
        const elapsed = time.elapsed(statusSince, now)
        const beaten = Math.max(0, (savedAt ?? statusSince) - statusSince)
        return { task, silent: Math.max(0, elapsed - beaten), active: activeMs + elapsed }
      }),
    )
  }

  forget(silence: number): Promise<void> {
    return this.#store.write(() => {
      this.#store.sql().forgetWorkers.run(this.#store.time.now(), this.#store.time.ago(silence))
    })
  }
}

type WorkerRow = [id: string, body: string, registeredAt: number, seenAt: number]

function workerOf([id, body, registeredAt, seenAt]: WorkerRow): Worker {
  return { ...(JSON.parse(body) as WorkerBody), id, registeredAt, seenAt }
}
