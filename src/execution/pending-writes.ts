import type { Json, LogLine, Progress } from '../core/task.ts'
import { logLimit } from '../store/store.ts'

type Documents = Readonly<{ checkpoint?: Json; progress?: Progress; log?: readonly LogLine[] }>

/** Checkpoints are numbered as the handler hands them over: a higher one is newer. */
type Numbered = Readonly<{ number: number; state: Json }>

/**
 * What a run has said and nobody has written yet: the newest of each kind. A checkpoint is never followed by an older one,
 * whichever of their writes fails, is repeated, or is answered late.
 */
export class PendingWrites {
  progress: Progress | undefined
  #checkpoint: Numbered | undefined
  #log: LogLine[] = []
  /** On its way to the store, and not answered yet. */
  #sent: Documents = {}
  #sentNumber = 0
  #newest = 0
  /** Of the newest checkpoint that is known to be stored. */
  #stored = 0
  #hasCheckpoint: boolean

  /** `hasCheckpoint`: the run began with one. */
  constructor(hasCheckpoint = false) {
    this.#hasCheckpoint = hasCheckpoint
  }

  /** There is a checkpoint from which another run could continue, stored or on its way. */
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

  /** The number of a checkpoint that is written by itself. */
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

  /** This checkpoint or a newer one is stored already. */
  isOutdated(number: number): boolean {
    return number <= this.#stored
  }

  addLine(line: LogLine): void {
    this.#log.push(line)
    if (this.#log.length >= 2 * logLimit) this.#log = this.#log.slice(-logLimit)
  }

  /** For a settlement. It may overtake a save, which then finds the task at rest: so it brings the documents of that one too. */
  take(): Documents {
    const { checkpoint, progress } = this.#sent
    return {
      ...(checkpoint === undefined || this.isOutdated(this.#sentNumber) ? {} : { checkpoint }),
      ...(progress === undefined ? {} : { progress }),
      ...this.#takeNew(),
    }
  }

  /** For a save of its own, until `saved` or `giveBack`. */
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
