import type { DatabaseSync } from 'node:sqlite'
import { StoreUnavailable, TaskError, type StoreLost } from '../../core/errors.ts'
import { diskFull, isDamage, isFull, isOfMedium, leavesNoDoubt, refusalFor } from './failures.ts'

/**
 * The effect of a write on the size of the database: what `adds` is refused while the disk is full, so that the rest has
 * room.
 */
export type Effect = 'adds' | 'keeps'

type Job = Readonly<{
  run: () => unknown
  effect: Effect
  resolve: (value: never) => void
  reject: (error: unknown) => void
}>

/** What the owner of the connection keeps in memory in addition to the file. */
export type Ledger = Readonly<{
  /** The first step of each transaction, while the disk has room. */
  begin(): void
  /** Writes what is only in memory so far; the last step of each transaction. */
  flush(): void
  /** Rereads all of it, after a rollback. */
  reload(): void
  /** Why nothing that is written would last; checked before and after each commit. */
  loss(): StoreLost | undefined
  /** The disk is full: releases the reserve, or checkpoints the log. False if neither made room. */
  makeRoom(): boolean
  /** Looks for room on a disk that was full: for the reserve and everything else, only in pages freed by deletes, or none. */
  room(): 'again' | 'freed' | 'none'
  /** Tasks written so far, including what was rolled back. */
  written(): number
  /** Pages of the database. */
  pages(): number
  /** A commit is done: it took this long and wrote this many tasks. False if the reserve can no longer be kept. */
  committed(milliseconds: number, written: number): boolean
  /** The connection failed in a way that leaves its state in doubt: reopen it. */
  reopen(doubt: unknown): DatabaseSync
}>

/** `repeat` throws again if the damage is there to stay: a disk whose reads fail for a while looks the same to SQLite. */
type Damage = Readonly<{ error: unknown; repeat: () => void; lookAgainAt: number; pause: number }>

/** Milliseconds between looks at whether a damage is still there: the first pause, which doubles, and the longest. */
const lookAgainAfter = 100
const lookAgainWithin = 10_000

/** One group takes the event loop for about this long, so that other callers are not delayed. */
const groupMilliseconds = 20

/**
 * Group commit: all writes that arrive in one turn of the event loop share the next transaction, claims after the rest, and
 * each caller is answered after it. If one of them throws, the group is repeated one by one, each in a savepoint, so a bad
 * row fails only its own caller. If the disk fails, everything that waits is refused.
 */
export class Commits {
  #db: DatabaseSync
  readonly #ledger: Ledger
  /** In execution order. */
  #jobs: Job[] = []
  /** Those of this turn of the event loop. */
  #claims: Job[] = []
  #writes: Job[] = []
  #scheduled = false
  #closed = false
  /** Why the connection cannot be trusted, as long as it could not be reopened. */
  #doubt: unknown
  /** The database is damaged: it accepts nothing as long as what found that finds it again. */
  #damage: Damage | undefined
  /** The disk is full: what adds to the database may only use the space of what was deleted. */
  #full = false
  /** Room was made on a full disk, and nothing was committed since. */
  #madeRoom = false
  /** The start of the transaction, and what was written before it. */
  #began = 0
  #writtenBefore = 0

  constructor(db: DatabaseSync, ledger: Ledger) {
    this.#db = db
    this.#ledger = ledger
  }

  write<T>(run: () => T, effect: Effect = 'keeps'): Promise<T> {
    return this.#add(this.#writes, run, effect)
  }

  /** Carried out after the writes of the same turn of the event loop. */
  claim<T>(run: () => T): Promise<T> {
    return this.#add(this.#claims, run, 'adds')
  }

  /** A read has failed: as long as it does, a damaged database accepts nothing. */
  mistrust(error: unknown, read: () => unknown): void {
    this.#noteDamage(error, () => void read())
  }

  /** Commits what is waiting; nothing is accepted afterwards. */
  close(): void {
    this.#closed = true
    this.#gather()
    while (this.#jobs.length > 0) this.#commit()
  }

  #add<T>(to: Job[], run: () => T, effect: Effect): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new StoreUnavailable('The store is closed.', { unknown: false }))
        return
      }
      to.push({ run, effect, resolve, reject })
      this.#schedule()
    })
  }

  /** What is left of earlier turns comes first, so that no claim waits for the writes of later ones. */
  #gather(): void {
    for (const arrived of [this.#writes, this.#claims]) {
      for (const job of arrived) this.#jobs.push(job)
      arrived.length = 0
    }
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#gather()
      this.#commit()
      if (this.#jobs.length > 0) this.#schedule()
    })
  }

  #commit(): void {
    if (this.#jobs.length === 0) return
    if (this.#doubt !== undefined) this.#recover()
    if (this.#damage !== undefined && this.#doubt === undefined) this.#lookAgain(this.#damage)
    const reason = this.#damage?.error ?? this.#ledger.loss() ?? this.#doubt
    if (reason !== undefined) {
      const refused = this.#jobs
      this.#jobs = []
      this.#refuse(refused, reason, false)
      return
    }
    if (this.#full) this.#refuseWhatAdds()
    const jobs = this.#jobs
    if (jobs.length === 0) return
    const answers: unknown[] = []
    try {
      this.#begin()
      const pages = this.#full ? this.#ledger.pages() : Number.POSITIVE_INFINITY
      const end = performance.now() + groupMilliseconds
      for (const job of jobs) {
        answers.push(job.run())
        if ((answers.length & 15) === 0 && performance.now() > end) break
      }
      this.#ledger.flush()
      if (this.#full && jobs.some(({ effect }) => effect === 'adds') && this.#ledger.pages() > pages)
        throw diskFull()
    } catch (error) {
      const ofMedium = isOfMedium(error)
      const group = ofMedium ? jobs : jobs.slice(0, answers.length + 1)
      this.#jobs = jobs.slice(group.length)
      this.#undo()
      if (ofMedium) this.#failed(group, error, false)
      else this.#oneByOne(group)
      return
    }
    this.#jobs = answers.length === jobs.length ? [] : jobs.slice(answers.length)
    this.#finish(jobs.slice(0, answers.length), answers)
  }

  #begin(): void {
    this.#began = performance.now()
    this.#writtenBefore = this.#ledger.written()
    this.#db.exec('begin immediate')
    if (!this.#full) this.#ledger.begin()
  }

  /** Commits the open transaction and answers its callers. */
  #finish(jobs: readonly Job[], answers: readonly unknown[]): void {
    try {
      this.#db.exec('commit')
    } catch (error) {
      const unknown = !leavesNoDoubt(error)
      this.#undo(unknown ? error : undefined)
      this.#failed(jobs, error, unknown)
      return
    }
    const loss = this.#ledger.loss()
    if (loss !== undefined) {
      this.#refuse(jobs, loss, true)
      return
    }
    this.#madeRoom = false
    const took = performance.now() - this.#began
    const keptReserve = this.#ledger.committed(took, this.#ledger.written() - this.#writtenBefore)
    if (!this.#full && !keptReserve) this.#full = true
    for (const [index, job] of jobs.entries()) job.resolve(answers[index] as never)
  }

  /**
   * None of them was recorded, or the outcome is unknown. On a full disk, what does not add to it is retried in the room
   * there is.
   */
  #failed(jobs: readonly Job[], error: unknown, unknown: boolean): void {
    this.#noteDamage(error, () => this.#rehearse(jobs))
    if (!isFull(error)) {
      this.#refuse(jobs, error, unknown)
      return
    }
    this.#full = true
    this.#refuse(
      jobs.filter(({ effect }) => effect === 'adds'),
      error,
      false,
    )
    const others = jobs.filter(({ effect }) => effect === 'keeps')
    if (others.length === 0) return
    const again = !this.#madeRoom && this.#ledger.makeRoom()
    this.#madeRoom = true
    if (again) this.#jobs = [...others, ...this.#jobs]
    else this.#refuse(others, error, false)
  }

  #refuseWhatAdds(): void {
    const adding = this.#jobs.filter(({ effect }) => effect === 'adds')
    if (adding.length === 0) return
    const room = this.#ledger.room()
    if (room === 'again') this.#full = false
    if (room !== 'none') return
    this.#jobs = this.#jobs.filter(({ effect }) => effect === 'keeps')
    this.#refuse(adding, diskFull(), false)
  }

  #oneByOne(jobs: readonly Job[]): void {
    const good: Job[] = []
    const answers: unknown[] = []
    try {
      this.#begin()
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
      this.#noteDamage(error, () => this.#rehearse(jobs))
      if (isFull(error)) this.#full = true
      this.#refuse(jobs, error, false)
      return
    }
    this.#finish(good, answers)
  }

  /** Rolls back. In doubt, or if that fails, the connection is reopened. */
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

  /** If the file cannot be opened, the next write tries again. */
  #recover(): void {
    try {
      this.#db = this.#ledger.reopen(this.#doubt)
      this.#ledger.reload()
      this.#doubt = undefined
    } catch (error) {
      this.#doubt = error
    }
  }

  #noteDamage(error: unknown, repeat: () => void): void {
    if (!isDamage(error) || this.#damage !== undefined) return
    this.#damage = { error, repeat, lookAgainAt: 0, pause: lookAgainAfter }
  }

  #lookAgain({ error, repeat, lookAgainAt, pause }: Damage): void {
    const now = performance.now()
    if (now < lookAgainAt) return
    try {
      repeat()
      this.#damage = undefined
    } catch (again) {
      const next = { lookAgainAt: now + pause, pause: Math.min(pause * 2, lookAgainWithin) }
      this.#damage = isOfMedium(again) ? { error, repeat, ...next } : undefined
    }
  }

  /** Does what these jobs do, and takes it back. */
  #rehearse(jobs: readonly Job[]): void {
    try {
      this.#begin()
      for (const { run } of jobs) run()
      this.#ledger.flush()
    } finally {
      this.#undo()
    }
  }

  #refuse(jobs: readonly Job[], cause: unknown, unknown: boolean): void {
    const reason = refusalFor(cause, unknown)
    for (const job of jobs) job.reject(reason)
  }
}

function asBug(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
