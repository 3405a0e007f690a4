import { isSuspect } from '../../core/task.ts'
import { Round } from '../lanes.ts'
import type { Claimed, TypeLimit } from '../store.ts'

/** Where a claim may start in the queue of a type: nothing of this priority waits before this position. */
export type Hint = Readonly<{ priority: number; queuePosition: number }>

/** Milliseconds between claims that start from the beginning. */
const lookAnewEvery = 1_000

/**
 * Positions that are read again. A position is assigned before its commit, so a task may appear behind those already
 * claimed; what is missed is found by the next claim that starts from the beginning.
 */
const margin = 50

/** The same for notes of lanes, which are numbered in batches. */
const noteMargin = 1_000

/**
 * How far the queue of each type has been claimed, and notes of lanes have been read. While any session holds an old snapshot, the index entries of claimed
 * tasks cannot be removed, and a claim from the beginning steps over all of them.
 */
export class Hints {
  /** Of the lanes. */
  readonly round = new Round()
  readonly #places = new Map<string, Hint>()
  /** Nothing is to be read before this note. */
  #firstNote = 0
  readonly #now: () => number
  #lookedAnew = Number.NEGATIVE_INFINITY

  /** `now`: milliseconds of a monotonic clock. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** For each of these types; null for the whole queue. */
  of(types: readonly TypeLimit[]): (Hint | null)[] {
    if (this.#now() - this.#lookedAnew >= lookAnewEvery) {
      this.#lookedAnew = this.#now()
      this.forget()
    }
    return types.map(({ type }) => this.#places.get(type) ?? null)
  }

  /** The number from which notes of lanes are read by the claim that has asked `of`. */
  get firstNote(): number {
    return this.#firstNote
  }

  /** All notes that there were have been read and deleted, and this is committed; `last` is the number of the last one. */
  learnNotes(last: number | null): void {
    if (last !== null) this.#firstNote = Math.max(this.#firstNote, last - noteMargin)
  }

  /** These were claimed and committed. */
  learn(claimed: readonly Claimed[]): void {
    for (const { task } of claimed) {
      if (isSuspect(task)) continue
      const queuePosition = Math.max(0, task.queuePosition - margin)
      const known = this.#places.get(task.type)
      const isFurther = known === undefined || task.priority < known.priority
      if (isFurther || (task.priority === known.priority && queuePosition > known.queuePosition)) {
        this.#places.set(task.type, { priority: task.priority, queuePosition })
      }
    }
  }

  /** The outcome of a claim is unknown, or it failed, or the connection is new. */
  forget(): void {
    this.#places.clear()
    this.#firstNote = 0
  }
}
