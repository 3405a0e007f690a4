import type { Json, LogLine, Progress } from '../core/task.ts'
import { logLimit } from '../store/store.ts'

type Documents = Readonly<{ checkpoint?: Json; progress?: Progress; log?: readonly LogLine[] }>

/** Checkpoints are numbered in the order of the handler: a higher one is newer. */
type Numbered = Readonly<{ number: number; state: Json }>

/** What a settlement includes. `number`: that of its checkpoint, 0 without one. */
export type Taken = Readonly<{ documents: Documents; number: number }>

/**
 * What a run has reported and is not written yet: the latest of each kind. A checkpoint is never followed by an older one,
 * even if their writes fail, are repeated, or are confirmed late.
 */
export class PendingWrites {
  progress: Progress | undefined
  #checkpoint: Numbered | undefined
  #log: LogLine[] = []
  /** Sent to the store and not confirmed yet. */
  #sent: Documents = {}
  #sentNumber = 0
  /** Durable checkpoints that are being written on their own. */
  #durable: Numbered[] = []
  /** Checkpoints of settlements that are being written: they may be stored already, without an answer. */
  #settling: Numbered[] = []
  #newest = 0
  /** Number of the latest checkpoint known to be stored. */
  #stored = 0
  #hasCheckpoint: boolean

  /** `hasCheckpoint`: the run started with one. */
  constructor(hasCheckpoint = false) {
    this.#hasCheckpoint = hasCheckpoint
  }

  /** Whether there is a checkpoint from which another run could continue, stored or on its way. */
  get hasCheckpoint(): boolean {
    return this.#hasCheckpoint
  }

  get isEmpty(): boolean {
    return this.#checkpoint === undefined && this.progress === undefined && this.#log.length === 0
  }

  keep(state: Json): void {
    this.#hasCheckpoint = true
    this.#checkpoint = { number: ++this.#newest, state }
  }

  /** A checkpoint is written on its own, until `stored` or `withdraw` with the number that this returns. */
  write(state: Json): number {
    const number = ++this.#newest
    this.#durable.push({ number, state })
    return number
  }

  /** A checkpoint could not be written on its own. */
  withdraw(number: number): void {
    this.#durable = this.#durable.filter((durable) => durable.number !== number)
  }

  /** A checkpoint is stored: older ones need not be written any more. */
  stored(number: number): void {
    this.withdraw(number)
    this.#stored = Math.max(this.#stored, number)
    this.#settling = this.#settling.filter((settling) => !this.isOutdated(settling.number))
    this.#hasCheckpoint ||= number > 0
    if (this.#checkpoint !== undefined && this.isOutdated(this.#checkpoint.number))
      this.#checkpoint = undefined
  }

  /** Whether this checkpoint or a newer one is stored already. */
  isOutdated(number: number): boolean {
    return number <= this.#stored
  }

  addLine(line: LogLine): void {
    this.#log.push(line)
    if (this.#log.length >= 2 * logLimit) this.#log = this.#log.slice(-logLimit)
  }

  /**
   * For a settlement, until `stored` or `putBack`. It may overtake other writes, which then find the task inactive, so it
   * includes the newest checkpoint and progress of all of them.
   */
  take(): Taken {
    const { checkpoint, progress } = this.#sent
    const sent = checkpoint === undefined ? [] : [{ number: this.#sentNumber, state: checkpoint }]
    const unsent = this.#checkpoint === undefined ? [] : [this.#checkpoint]
    const newest = [...sent, ...this.#durable, ...this.#settling, ...unsent]
      .filter(({ number }) => !this.isOutdated(number))
      .reduce<Numbered | undefined>((a, b) => (a === undefined || a.number < b.number ? b : a), undefined)
    const documents = {
      ...(progress === undefined ? {} : { progress }),
      ...this.#takeNew(true),
      ...(newest === undefined ? {} : { checkpoint: newest.state }),
    }
    if (newest !== undefined) this.#settling.push(newest)
    return { documents, number: newest?.number ?? 0 }
  }

  /** The settlement was not recorded, and the run continues: keeps what nothing newer has replaced. */
  putBack(taken: Taken): void {
    const index = this.#settling.findIndex(({ number }) => number === taken.number)
    if (index !== -1) this.#settling.splice(index, 1)
    this.#keepAgain(taken)
  }

  /** For a separate save, until `saved` or `giveBack`. It may not follow a newer checkpoint that is being written. */
  send(): Documents {
    const own = this.#checkpoint?.number ?? 0
    const isOvertaken = [...this.#durable, ...this.#settling].some(({ number }) => number > own)
    this.#sentNumber = isOvertaken ? 0 : own
    this.#sent = this.#takeNew(!isOvertaken)
    return this.#sent
  }

  saved(): void {
    this.#sent = {}
    this.stored(this.#sentNumber)
  }

  /** What was sent could not be written: keeps what nothing newer has replaced. */
  giveBack(): void {
    const { checkpoint, progress, log = [] } = this.#sent
    this.#sent = {}
    this.#keepAgain({
      documents: {
        ...(checkpoint === undefined ? {} : { checkpoint }),
        ...(progress === undefined ? {} : { progress }),
        log,
      },
      number: this.#sentNumber,
    })
  }

  #keepAgain({ documents: { checkpoint, progress, log = [] }, number }: Taken): void {
    const isReplaced =
      this.isOutdated(number) ||
      [...this.#settling, ...(this.#checkpoint === undefined ? [] : [this.#checkpoint])].some(
        (other) => other.number >= number,
      )
    if (checkpoint !== undefined && !isReplaced) this.#checkpoint = { number, state: checkpoint }
    this.progress ??= progress
    this.#log = [...log, ...this.#log].slice(-logLimit)
  }

  #takeNew(withCheckpoint: boolean): Documents {
    const { progress } = this
    const checkpoint = withCheckpoint ? this.#checkpoint?.state : undefined
    const log = this.#log
    if (withCheckpoint) this.#checkpoint = undefined
    this.progress = undefined
    if (log.length > 0) this.#log = []
    return {
      ...(checkpoint === undefined ? {} : { checkpoint }),
      ...(progress === undefined ? {} : { progress }),
      ...(log.length === 0 ? {} : { log }),
    }
  }
}
