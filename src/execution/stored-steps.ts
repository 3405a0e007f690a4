import { stepId, stepLimits, type Recalled, type StepKey } from '../core/step.ts'
import type { NumberedStep, StepPage } from '../store/store.ts'
import type { CompletedStep } from './executors/executor.ts'

/** Steps and bytes of results that are read at once. */
export const stepsAtOnce = { limit: 500, bytes: 4_194_304 } as const

/** Undefined if the store could not answer before the node closed. */
type Read = (after: number) => Promise<StepPage | null | undefined>

/**
 * The steps that earlier runs of a task have stored, as one run recalls them. They are read page by page while the run comes to
 * them: code that is unchanged recalls them in the order in which they were stored.
 */
export class StoredSteps {
  readonly #read: Read
  /** Read, and not recalled yet. */
  readonly #found = new Map<string, NumberedStep>()
  /** The number after which the next page begins; null once everything was read. */
  #after: number | null
  #reading: Promise<boolean> | undefined
  #count = 0

  /** `any`: an earlier run may have stored some. */
  constructor(any: boolean, read: Read) {
    this.#after = any ? 0 : null
    this.#read = read
  }

  /** Undefined if the store could not answer. */
  async recall(key: StepKey): Promise<Recalled | undefined> {
    const id = stepId(key)
    while (!this.#found.has(id) && this.#after !== null) {
      if (!(await this.#readMore())) return undefined
    }
    const step = this.#found.get(id)
    this.#found.delete(id)
    if (step?.unreadable !== undefined) return { kind: 'unreadable', why: step.unreadable }
    if (step?.status === 'completed') return { kind: 'completed', result: step.result ?? 'null' }
    if (step !== undefined) return { kind: 'open', attempts: step.attempts }
    if (this.#count >= stepLimits.steps) return { kind: 'full' }
    this.#count += 1
    return { kind: 'open', attempts: 0 }
  }

  /** All that are completed. */
  async completed(): Promise<readonly CompletedStep[] | undefined> {
    return (await this.#readAll())
      ? [...this.#found.values()]
          .filter(({ status }) => status === 'completed')
          .map(({ name, occurrence, result }) => ({ name, occurrence, result: result ?? 'null' }))
      : undefined
  }

  /** The completed steps that this run has not recalled; nothing if the store could not answer. */
  async unused(): Promise<readonly StepKey[]> {
    if (!(await this.#readAll())) return []
    return [...this.#found.values()].filter(({ status }) => status === 'completed')
  }

  async #readAll(): Promise<boolean> {
    while (this.#after !== null) if (!(await this.#readMore())) return false
    return true
  }

  /** Steps that run side by side share a read. */
  #readMore(): Promise<boolean> {
    this.#reading ??= this.#readPage().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #readPage(): Promise<boolean> {
    const page = await this.#read(this.#after ?? 0)
    if (page === undefined) return false
    const { steps, next } = page ?? { steps: [], next: null }
    for (const step of steps) this.#found.set(stepId(step), step)
    this.#count += steps.length
    this.#after = next
    return true
  }
}
