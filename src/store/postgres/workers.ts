import type { NewEntry } from '../../core/audit.ts'
import type { Clock } from '../../core/clock.ts'
import {
  registeredAgain,
  type NewWorker,
  type Worker,
  type WorkerBody,
  type WorkerRun,
} from '../../core/worker.ts'
import type { WorkerStore } from '../worker-store.ts'
import { addEntries } from './audit.ts'
import type { Session } from './connection.ts'
import { selectedCount, taskOf } from './rows.ts'
import type { Statements } from './statements.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

/** What the workers use of the store. */
export type WorkerSource = Readonly<{
  sql: Statements
  clock: Clock | undefined
  alone<T>(run: (tx: Transaction) => Promise<T>): Promise<T>
  read<T>(look: (session: Session) => Promise<T>): Promise<T>
}>

/** Workers, in the table of nodes: their leases never end, and they are ended when they are forgotten. */
export class PostgresWorkers implements WorkerStore {
  readonly #store: WorkerSource

  constructor(store: WorkerSource) {
    this.#store = store
  }

  register(worker: NewWorker, audit?: NewEntry): Promise<void> {
    return this.#store.alone(async (tx) => {
      const { lockWorkers, worker: workerById, putWorker } = tx.source.sql
      tx.leaveMark()
      tx.write(lockWorkers, [tx.source.schema])
      const id = encodeText(worker.id)
      const [row] = await tx.ask(workerById, [id])
      const earlier = row && (JSON.parse(decodeText(row[0] as string)) as WorkerBody)
      const { now } = await tx.moment(0)
      tx.write(putWorker, [id, encodeText(JSON.stringify(registeredAgain(worker.body, earlier))), now])
      if (audit !== undefined) addEntries(tx, [audit], now)
    })
  }

  see(ids: readonly string[]): Promise<void> {
    return this.#store.alone(async (tx) => {
      const { now } = await tx.moment(0)
      tx.write(tx.source.sql.seeWorkers, [ids.map(encodeText), now])
    })
  }

  list(): Promise<readonly Worker[]> {
    return this.#store.read(async (session) => {
      const rows = await session.query(this.#store.sql.workers)
      return rows.map(([id, body, registeredAt, seenAt]) => ({
        ...(JSON.parse(decodeText(body as string)) as WorkerBody),
        id: decodeText(id as string),
        registeredAt: registeredAt as number,
        seenAt: seenAt as number,
      }))
    })
  }

  runs(): Promise<readonly WorkerRun[]> {
    return this.#store.read(async (session) => {
      const { sql, clock } = this.#store
      const rows = await session.query(sql.workerRuns, [clock?.now() ?? null])
      return rows.map((row) => {
        const task = taskOf(row)
        const now = row[selectedCount] as number
        const { statusSince, savedAt, activeMs } = task
        const active = activeMs + Math.max(0, now - statusSince)
        return { task, silent: Math.max(0, now - (savedAt ?? statusSince)), active }
      })
    })
  }

  forget(silence: number): Promise<void> {
    return this.#store.alone(async (tx) => {
      tx.write(tx.source.sql.forgetWorkers, [tx.source.clock?.now() ?? null, silence])
    })
  }
}
