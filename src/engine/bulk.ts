import type { Access } from '../access/access.ts'
import type { Audit } from '../core/audit.ts'
import type { Origin } from '../core/caller.ts'
import { sleep, turn, type Clock } from '../core/clock.ts'
import { OperationUnknown, ShuttingDown, StoreUnavailable, TooManyOperations } from '../core/errors.ts'
import type { Filter, Searched } from '../core/filter.ts'
import { takes, type BulkAction, type Operation } from '../core/operation.ts'
import type { Tenant } from '../core/lease.ts'
import { statuses, type TaskId } from '../core/task.ts'
import type { Command, Controlled, Page, ListCursor, Purged, Query, Store } from '../store/store.ts'
import type { Logger } from '../core/logger.ts'

/** Tasks per transaction, so that other callers are not delayed. */
const batch = 100
/** Tasks counted per turn of the event loop. */
const countedAtOnce = 500
/** Bytes of parameters that a text search reads per turn of the event loop. */
const reads = { largest: 0, total: 4_194_304 }
/** Maximum concurrent operations per node. */
export const mostOperations = 8
/** Milliseconds between attempts while the store is unavailable. */
const storePause = 1_000

export type BulkOptions = Readonly<{
  store: Store
  tenant: Tenant
  clock: Clock
  logger: Logger
  newId: () => string
  searched: Searched
  access: Pick<Access, 'isValid'>
  controls: Readonly<{ act(commands: readonly Command[], audit: Audit): Promise<readonly Controlled[]> }>
}>

/** `dryRun`: only count matching tasks. `wait`: milliseconds. */
type StartOptions = Readonly<{ dryRun?: boolean; wait?: number }>

/** The outcome for one task of a batch, and the counter it increments. */
type Outcome = 'changed' | 'unchanged' | 'refused'

const controlOutcomes: Readonly<Record<Controlled['kind'], Outcome>> = {
  moved: 'changed',
  stands: 'unchanged',
  refused: 'refused',
  taken: 'refused',
  unknown: 'refused',
}

/** For a purge, a task that is gone is as wanted; so are those of a batch that is repeated because its response was lost. */
const purgeOutcomes: Readonly<Record<Purged['kind'], Outcome>> = {
  purged: 'changed',
  unknown: 'unchanged',
  refused: 'refused',
}

/** Why an operation was cancelled that nobody cancelled. */
const keyEnded = 'The key that started it was revoked or has expired.'

type BulkOperation = Operation & Readonly<{ action: BulkAction }>

type Running = { operation: BulkOperation; cancelled: boolean; keyEnded: boolean; done: Promise<void> }

/**
 * Actions on all tasks that match a filter, batch by batch. After each batch it pauses for as long as the batch took, so
 * that at least half of the store's time is left to others. Its state is stored after each batch: after a crash, its counts
 * cover at least part of what was done, and it is shown as interrupted. It ends with the key that started it.
 */
export class BulkOperations {
  readonly #options: BulkOptions
  readonly #running = new Map<string, Running>()
  readonly #over = new AbortController()

  constructor(options: BulkOptions) {
    this.#options = options
  }

  /** Resolves once it has finished, or after `wait` ms. Tasks submitted later are not affected. */
  async start(
    action: BulkAction,
    filter: Filter,
    { dryRun = false, wait = 0 }: StartOptions,
    origin: Origin,
  ): Promise<Operation> {
    if (this.#over.signal.aborted) throw new ShuttingDown()
    if (this.#running.size >= mostOperations) throw new TooManyOperations(mostOperations)
    const { newId, tenant, store } = this.#options
    const { caller, reason } = origin
    const meant = {
      ...filter,
      statuses: (filter.statuses ?? statuses).filter((status) => takes(action, status)),
    }
    const operation: BulkOperation = {
      id: newId(),
      action,
      filter: meant,
      by: caller.name,
      callerId: caller.id,
      reason: reason ?? null,
      dryRun,
      status: 'running',
      node: tenant.node,
      createdAt: store.now(),
      endedAt: null,
      matched: 0,
      changed: 0,
      unchanged: 0,
      refused: 0,
      error: null,
    }
    const running: Running = { operation, cancelled: false, keyEnded: false, done: Promise.resolve() }
    this.#running.set(operation.id, running)
    try {
      running.operation = { ...(await store.beginOperation(operation, origin)), action }
    } catch (error) {
      this.#running.delete(operation.id)
      throw error
    }
    running.done = this.#run(running)
    return this.#within(running, wait)
  }

  /** Throws `OperationUnknown` if it never existed or is no longer kept. */
  async get(id: string): Promise<Operation> {
    return this.#running.get(id)?.operation ?? known(id, await this.#options.store.operation(id))
  }

  /** Requests its end, and waits for it for at most `wait` ms. Changes so far remain. Throws `OperationUnknown`. */
  async cancel(id: string, wait: number, audit: Origin): Promise<Operation> {
    const seen = known(id, await this.#options.store.operation(id, { cancel: true, audit }))
    const running = this.#running.get(id)
    if (running === undefined) return seen
    running.cancelled = true
    return this.#within(running, wait)
  }

  /** Ends running operations: they are shown as interrupted. */
  async stop(): Promise<void> {
    this.#over.abort()
    await Promise.all([...this.#running.values()].map(({ done }) => done))
  }

  async #within(running: Running, wait: number): Promise<Operation> {
    const over = new AbortController()
    const late = sleep(this.#options.clock, wait, over.signal).catch(() => undefined)
    await Promise.race([running.done, late])
    over.abort()
    return running.operation
  }

  async #run(running: Running): Promise<void> {
    const { logger, store } = this.#options
    const ended = (
      status: Operation['status'],
      error: string | null = running.keyEnded ? keyEnded : null,
    ) => {
      running.operation = { ...running.operation, status, error, endedAt: store.now() }
    }
    try {
      const reachedEnd = await this.#work(running)
      ended(this.#over.signal.aborted ? 'interrupted' : reachedEnd ? 'completed' : 'cancelled')
    } catch (error) {
      logger.error({ err: error, operation: running.operation.id }, 'bulk operation failed')
      ended(
        'failed',
        error instanceof StoreUnavailable ? error.message : 'Internal error; see the server log.',
      )
    }
    try {
      await this.#patiently(() => this.#options.store.saveOperation(running.operation))
    } catch (error) {
      logger.warn(
        { err: error, operation: running.operation.id },
        'could not record the end of a bulk operation',
      )
    }
    this.#running.delete(running.operation.id)
  }

  /** False if it was cancelled, its key has ended, or the node is stopping. */
  async #work(running: Running): Promise<boolean> {
    const { store, clock, searched, access } = this.#options
    const { filter, dryRun, callerId } = running.operation
    const stopped = () => running.cancelled || this.#over.signal.aborted
    const limit = dryRun ? countedAtOnce : batch
    for (let after: ListCursor | null = null; !stopped();) {
      if (callerId !== null && !(await this.#patiently(() => access.isValid(callerId)))) {
        running.keyEnded = true
        return false
      }
      const began = clock.monotonic()
      const query: Query = { filter, order: 'oldest', after, limit, scan: countedAtOnce, reads, searched }
      const page: Page<TaskId> = await this.#patiently(() => store.find(query))
      const goesOn =
        page.entries.length === 0 || (await this.#patiently(() => this.#carryOut(running, page.entries)))
      if (!goesOn) return false
      if (page.next === null) return true
      after = page.next
      const spent = clock.monotonic() - began
      if (dryRun || spent < 1) await turn(clock)
      else await sleep(clock, spent, this.#over.signal).catch(() => undefined)
    }
    return false
  }

  /** One batch, and the record of the ones before it, in one commit. False once a cancel was requested. */
  async #carryOut(running: Running, ids: readonly string[]): Promise<boolean> {
    const { store } = this.#options
    const { operation } = running
    const [outcomes, goesOn] = await Promise.all([
      operation.dryRun ? [] : this.#outcomes(operation, ids),
      operation.dryRun ? true : store.saveOperation(operation),
    ])
    const count = (outcome: Outcome) => outcomes.filter((one) => one === outcome).length
    running.operation = {
      ...operation,
      matched: operation.matched + ids.length,
      changed: operation.changed + count('changed'),
      unchanged: operation.unchanged + count('unchanged'),
      refused: operation.refused + count('refused'),
    }
    return goesOn
  }

  /** Calls the store before its first await, so that its caller decides what shares the commit. */
  async #outcomes(operation: BulkOperation, ids: readonly TaskId[]): Promise<readonly Outcome[]> {
    const { store, controls } = this.#options
    const { action, filter, by, reason } = operation
    if (action === 'purge') {
      const answers = await store.purge(ids, filter.statuses, { operation })
      return answers.map(({ kind }) => purgeOutcomes[kind])
    }
    const answers = await controls.act(
      ids.map((id) => ({ id, control: action, by, why: reason ?? undefined })),
      { operation },
    )
    return answers.map(({ kind }) => controlOutcomes[kind])
  }

  /** Retries while the store is unavailable. Repeating an action does no harm. */
  async #patiently<T>(act: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await act()
      } catch (error) {
        if (!(error instanceof StoreUnavailable) || this.#over.signal.aborted) throw error
        await sleep(this.#options.clock, storePause, this.#over.signal).catch(() => undefined)
      }
    }
  }
}

function known(id: string, operation: Operation | null): Operation {
  if (operation === null) throw new OperationUnknown(id)
  return operation
}
