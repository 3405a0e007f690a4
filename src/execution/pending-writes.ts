import type { Json, LogLine, Progress } from '../core/task.ts'
import { logLimit } from '../store/store.ts'

type Documents = Readonly<{ checkpoint?: Json; progress?: Progress; log?: readonly LogLine[] }>

/** Checkpoints are numbered in the order of the handler: a higher one is newer. */
type Numbered = Readonly<{ number: number; state: Json }>

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
    this.#checkpoint = { number: this.next(), state }
  }

  /** The number for a checkpoint that is written on its own. */
  next(): number {
    return ++this.#newest
  }

  /** A checkpoint is stored: older ones need not be written any more. */
  stored(number: number): void {
    this.#stored = Math.max(this.#stored, number)
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
   * For a settlement. It may overtake a save, which then finds the task inactive, so it includes the documents of that save
   * too.
   */
  take(): Documents {
    const { checkpoint, progress } = this.#sent
    return {
      ...(checkpoint === undefined || this.isOutdated(this.#sentNumber) ? {} : { checkpoint }),
      ...(progress === undefined ? {} : { progress }),
      ...this.#takeNew(),
    }
  }

  /** For a separate save, until `saved` or `giveBack`. */
  send(): Documents {
    this.#sentNumber = this.#checkpoint?.number ?? 0
    this.#sent = this.#takeNew()
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
    if (checkpoint !== undefined && !this.isOutdated(this.#sentNumber)) {
      this.#checkpoint ??= { number: this.#sentNumber, state: checkpoint }
    }
    this.progress ??= progress
    this.#log = [...log, ...this.#log].slice(-logLimit)
  }

  #takeNew(): Documents {
    const { progress } = this
    const checkpoint = this.#checkpoint?.state
    const log = this.#log
    this.#checkpoint = undefined
    this.progress = undefined
    if (log.length > 0) this.#log = []
    return {
      ...(checkpoint === undefined ? {} : { checkpoint }),
      ...(progress === undefined ? {} : { progress }),
      ...(log.length === 0 ? {} : { log }),
    }
  }
}
