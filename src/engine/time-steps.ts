import type { Clock } from '../core/clock.ts'

export type TimeStepsOptions<Field extends string> = Readonly<{
  clock: Clock
  /** Milliseconds. */
  step: number
  /** Number of steps to keep. */
  kept: number
  /** Columns, each with its value in a new step. */
  fields: Readonly<Record<Field, number>>
}>

/** Numbers by time step, the current one and those before it. Its size never changes. */
export class TimeSteps<Field extends string> {
  /** Milliseconds. */
  readonly step: number
  readonly #clock: Clock
  readonly #began: number
  readonly #kept: number
  readonly #row: Float64Array
  readonly #offsets: ReadonlyMap<Field, number>
  readonly #values: Float64Array
  #newest = 0

  constructor({ clock, step, kept, fields }: TimeStepsOptions<Field>) {
    this.step = step
    this.#clock = clock
    this.#began = clock.monotonic()
    this.#kept = kept
    this.#row = Float64Array.from(Object.values<number>(fields))
    this.#offsets = new Map((Object.keys(fields) as Field[]).map((field, offset) => [field, offset]))
    this.#values = new Float64Array(kept * this.#row.length)
    this.#empty(0)
  }

  change(field: Field, to: (value: number) => number): void {
    this.#turn()
    const index = this.#index(this.#newest, field)
    this.#values[index] = to(this.#values[index]!)
  }

  /** The latest steps, at most this many; oldest first, the current one last. */
  column(field: Field, most = this.#kept): number[] {
    const length = this.#known(most)
    const first = this.#newest - length + 1
    return Array.from({ length }, (_, index) => this.#values[this.#index(first + index, field)]!)
  }

  /** Milliseconds since the oldest of these steps started. */
  covered(most = this.#kept): number {
    const whole = this.#known(most) - 1
    return whole * this.step + this.step - this.remaining
  }

  /** Milliseconds until the current step ends. */
  get remaining(): number {
    return this.step - ((this.#clock.monotonic() - this.#began) % this.step)
  }

  #known(most: number): number {
    this.#turn()
    return Math.min(most, this.#kept, this.#newest + 1)
  }

  #index(step: number, field: Field): number {
    return (step % this.#kept) * this.#row.length + (this.#offsets.get(field) ?? 0)
  }

  /** Clears the steps that have started since the latest one. */
  #turn(): void {
    const present = Math.floor((this.#clock.monotonic() - this.#began) / this.step)
    for (let step = Math.max(this.#newest, present - this.#kept) + 1; step <= present; step++)
      this.#empty(step)
    this.#newest = present
  }

  #empty(step: number): void {
    this.#values.set(this.#row, (step % this.#kept) * this.#row.length)
  }
}
