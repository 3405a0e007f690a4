import type { DatabaseSync } from 'node:sqlite'
import { StoreUnavailable, TaskError } from '../../core/errors.ts'

type Job = Readonly<{
  run: () => unknown
  resolve: (value: never) => void
  reject: (error: unknown) => void
}>

/** What the owner of the connection keeps in memory beside the file. */
export type Ledger = Readonly<{
  /** Writes what is only in memory yet; the last step of each transaction. */
  flush(): void
  /** Reads all of it again, after a rollback. */
  reload(): void
  /** The connection failed in a way that leaves its state in doubt: open it anew. */
  reopen(): DatabaseSync
}>

/** One group takes the loop for about this long, so that callers beside it are not kept waiting. */
const groupMilliseconds = 20

/**
 * Group commit: all writes that arrive in one turn of the loop, or while a commit is under way, share the next
 * transaction, and each caller is answered after it. When one of them throws, the group is done again one by one, each in
 * a savepoint, so that a bad row fails its own caller only. When the medium fails, all that waits is refused.
 */
export class Commits {
  #db: DatabaseSync
  readonly #ledger: Ledger
  #jobs: Job[] = []
  #scheduled = false
  #closed = false
  /** Why the connection is not to be trusted, as long as it could not be opened anew. */
  #doubt: unknown

  constructor(db: DatabaseSync, ledger: Ledger) {
    this.#db = db
    this.#ledger = ledger
  }

  write<T>(run: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new StoreUnavailable('The store is closed.', { unknown: false }))
        return
      }
      this.#jobs.push({ run, resolve, reject })
      this.#schedule()
    })
  }

  /** Commits what waits; nothing is taken afterwards. */
  close(): void {
    this.#closed = true
    while (this.#jobs.length > 0) this.#commit()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#commit()
      if (this.#jobs.length > 0) this.#schedule()
    })
  }

  #commit(): void {
    const jobs = this.#jobs
    if (jobs.length === 0) return
    if (this.#doubt !== undefined) this.#recover()
    if (this.#doubt !== undefined) {
      this.#jobs = []
      this.#refuse(jobs, this.#doubt, false)
      return
    }
    const answers: unknown[] = []
    try {
      this.#db.exec('begin immediate')
      const end = performance.now() + groupMilliseconds
      for (const job of jobs) {
        answers.push(job.run())
        if ((answers.length & 15) === 0 && performance.now() > end) break
      }
      this.#ledger.flush()
    } catch (error) {
      const ofMedium = isOfMedium(error)
      const group = ofMedium ? jobs : jobs.slice(0, answers.length + 1)
      this.#jobs = jobs.slice(group.length)
      this.#undo()
      if (ofMedium) this.#refuse(group, error, false)
      else this.#oneByOne(group)
      return
    }
    this.#jobs = answers.length === jobs.length ? [] : jobs.slice(answers.length)
    this.#finish(jobs.slice(0, answers.length), answers)
  }

  /** Commits the open transaction and answers its callers. */
  #finish(jobs: readonly Job[], answers: readonly unknown[]): void {
    try {
      this.#db.exec('commit')
    } catch (error) {
      const unknown = codeOf(error) !== full && codeOf(error) !== busy
      this.#undo(unknown ? error : undefined)
      this.#refuse(jobs, error, unknown)
      return
    }
    for (const [index, job] of jobs.entries()) job.resolve(answers[index] as never)
  }

  #oneByOne(jobs: readonly Job[]): void {
    const good: Job[] = []
    const answers: unknown[] = []
    try {
      this.#db.exec('begin immediate')
      for (const job of jobs) {
        this.#db.exec('savepoint one')
        try {
          const answer = job.run()
          this.#ledger.flush()
          this.#db.exec('release one')
          good.push(job)
          answers.push(answer)
        } catch (error) {
          if (isOfMedium(error)) throw error
          this.#db.exec('rollback to one; release one')
          this.#ledger.reload()
          job.reject(error instanceof TaskError ? error : asBug(error))
        }
      }
    } catch (error) {
      this.#undo()
      this.#refuse(jobs, error, false)
      return
    }
    this.#finish(good, answers)
  }

  /** Rolls back. In doubt, or when that fails, the connection is opened anew. */
  #undo(doubt?: unknown): void {
    this.#doubt = doubt
    try {
      if (this.#db.isTransaction) this.#db.exec('rollback')
      if (doubt === undefined) this.#ledger.reload()
    } catch (error) {
      this.#doubt = error
    }
    if (this.#doubt !== undefined) this.#recover()
  }

  /** When the file cannot be opened, the next write tries again. */
  #recover(): void {
    try {
      this.#db = this.#ledger.reopen()
      this.#ledger.reload()
      this.#doubt = undefined
    } catch (error) {
      this.#doubt = error
    }
  }

  #refuse(jobs: readonly Job[], cause: unknown, unknown: boolean): void {
    const message = unknown
      ? 'The database failed while it committed: it is not known whether this was recorded. Look before you try again.'
      : codeOf(cause) === full
        ? 'The disk is full: nothing was recorded. Try again later.'
        : 'The database cannot be written now: nothing was recorded. Try again later.'
    for (const job of jobs) job.reject(new StoreUnavailable(message, { unknown, cause }))
  }
}

const busy = 5
const full = 13
/** Primary result codes that speak of the medium, not of one row: BUSY, LOCKED, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOTADB. */
const mediumCodes = new Set([busy, 6, 8, 10, 11, full, 14, 15, 26])

function codeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined
  return Number(error.errcode) & 0xff
}

function isOfMedium(error: unknown): boolean {
  const code = codeOf(error)
  return code !== undefined && mediumCodes.has(code)
}

function asBug(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
