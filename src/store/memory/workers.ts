import type { NewEntry } from '../../core/audit.ts'
import { isActive, type NodeId, type Task } from '../../core/task.ts'
import { registeredAgain, type NewWorker, type Worker, type WorkerRun } from '../../core/worker.ts'
import type { SteadyTime } from '../steady-time.ts'
import type { WorkerStore } from '../worker-store.ts'

/** What the workers use of the store. */
export type WorkerSource = Readonly<{
  time: SteadyTime
  write<T>(run: () => T): Promise<T>
  mustBeOpen(): void
  tasks(): readonly Task[]
  audit(entry: NewEntry): void
}>

/** The workers of the memory store. */
export class MemoryWorkers implements WorkerStore {
  readonly #store: WorkerSource
  readonly #workers = new Map<NodeId, Worker>()

  constructor(store: WorkerSource) {
    this.#store = store
  }

  has(id: NodeId): boolean {
    return this.#workers.has(id)
  }

  register(worker: NewWorker, audit?: NewEntry): Promise<void> {
    return this.#store.write(() => {
      const earlier = this.#workers.get(worker.id)
      const now = this.#store.time.now()
      const body = registeredAgain(worker.body, earlier)
      this.#workers.delete(worker.id)
      this.#workers.set(worker.id, { ...body, id: worker.id, registeredAt: now, seenAt: now })
      if (audit !== undefined) this.#store.audit(audit)
    })
  }

  see(ids: readonly string[]): Promise<void> {
    return this.#store.write(() => {
      const seenAt = this.#store.time.now()
      for (const id of ids) {
        const worker = this.#workers.get(id)
        if (worker !== undefined) this.#workers.set(id, { ...worker, seenAt })
      }
    })
  }

  async list(): Promise<readonly Worker[]> {
    this.#store.mustBeOpen()
    return [...this.#workers.values()]
  }

  async runs(): Promise<readonly WorkerRun[]> {
    this.#store.mustBeOpen()
    const { time } = this.#store
    return this.#store
      .tasks()
      .filter(({ ownerNode, status }) => ownerNode !== null && this.has(ownerNode) && isActive(status))
      .map((task) => {
        const { statusSince, savedAt, activeMs } = task
        const elapsed = time.elapsed(statusSince)
        const beaten = Math.max(0, (savedAt ?? statusSince) - statusSince)
        return { task, silent: Math.max(0, elapsed - beaten), active: activeMs + elapsed }
      })
  }

  forget(silence: number): Promise<void> {
    return this.#store.write(() => {
      const before = this.#store.time.ago(silence)
      for (const { id, seenAt } of this.#workers.values()) if (seenAt < before) this.#workers.delete(id)
    })
  }
}
