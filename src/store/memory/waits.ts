import type { NewEntry } from '../../core/audit.ts'
import { answerEntry } from '../../core/audit.ts'
import type { Origin } from '../../core/caller.ts'
import { isActive, isTerminal, type NodeId, type Task, type TaskId } from '../../core/task.ts'
import type { Move } from '../../core/transition.ts'
import {
  waitAnswered,
  waitLimits,
  waitReached,
  type Wait,
  type WaitAnswer,
  type WaitKey,
} from '../../core/wait.ts'
import {
  waitPageOf,
  type AnswerRequest,
  type AnswerResult,
  type Reached,
  type ReachRequest,
  type TaskWait,
  type WaitPage,
  type WaitQuery,
  type WaitStore,
} from '../wait-store.ts'

/** What the waits use of the store. */
export type WaitSource = Readonly<{
  now(): number
  write<T>(run: () => T): Promise<T>
  mustBeOpen(): void
  task(id: TaskId): Task | undefined
  /** Moves the task, of which this has happened. */
  answered(id: TaskId, answer: WaitAnswer): Move
  audit(entry: NewEntry): void
}>

type Kept = { readonly number: number; readonly id: TaskId; wait: Wait }

export class MemoryWaits implements WaitStore {
  readonly #store: WaitSource
  #waits: Kept[] = []
  #number = 0

  constructor(store: WaitSource) {
    this.#store = store
  }

  reach(node: NodeId, { id, fence, reached }: ReachRequest): Promise<Reached | 'full' | null> {
    return this.#store.write(() => {
      const task = this.#store.task(id)
      if (task?.fence !== fence || task.ownerNode !== node || !isActive(task.status)) return null
      const stored = this.#get(id, reached)
      if (stored === undefined && this.#of(id).length >= waitLimits.waits) return 'full'
      const now = this.#store.now()
      return { wait: this.#put(id, stored, waitReached(stored?.wait, reached, now)), news: task.news, now }
    })
  }

  answer({ id, answer }: AnswerRequest, audit: Origin): Promise<AnswerResult> {
    return this.#store.write(() => {
      const task = this.#store.task(id)
      if (task === undefined) return { kind: 'unknown' }
      const stored = this.#get(id, answer)
      const wait = waitAnswered(stored?.wait, answer, this.#store.now())
      if (wait === 'late') return { kind: 'late', wait: stored!.wait, task }
      if (typeof wait === 'string') return { kind: wait }
      if (isTerminal(task.status)) return { kind: 'ended', task }
      if (stored === undefined && this.#of(id).length >= waitLimits.waits) return { kind: 'full' }
      this.#put(id, stored, wait)
      this.#store.audit(answerEntry(audit, id, answer.name))
      return { kind: 'answered', move: this.#store.answered(id, answer), wait }
    })
  }

  async find(tokenHash: string): Promise<TaskWait | null> {
    this.#store.mustBeOpen()
    const kept = this.#all().find(({ wait }) => wait.tokenHash === tokenHash)
    return kept ?? null
  }

  async list(query: WaitQuery): Promise<WaitPage> {
    this.#store.mustBeOpen()
    const { id, order, after, scan } = query
    const direction = order === 'newest' ? -1 : 1
    const rows = this.#all()
      .filter(({ task }) => id === undefined || task.id === id)
      .filter(({ number }) => after === null || direction * (number - after) > 0)
      .sort((a, b) => direction * (a.number - b.number))
    return waitPageOf(rows.slice(0, scan), query)
  }

  /** The wall clock was set: open waits keep their lengths. */
  shift(jump: number): void {
    for (const kept of this.#waits) {
      const { status, expiresAt } = kept.wait
      if (status === 'open' && expiresAt !== null) kept.wait = { ...kept.wait, expiresAt: expiresAt + jump }
    }
  }

  forget(id: TaskId): void {
    this.#waits = this.#waits.filter((kept) => kept.id !== id)
  }

  #put(id: TaskId, stored: Kept | undefined, wait: Wait): Wait {
    if (stored === undefined) this.#waits.push({ number: ++this.#number, id, wait })
    else stored.wait = wait
    return wait
  }

  #get(id: TaskId, { name, occurrence }: WaitKey): Kept | undefined {
    return this.#of(id).find(({ wait }) => wait.name === name && wait.occurrence === occurrence)
  }

  #of(id: TaskId): Kept[] {
    return this.#waits.filter((kept) => kept.id === id)
  }

  #all(): TaskWait[] {
    return this.#waits.flatMap(({ number, id, wait }) => {
      const task = this.#store.task(id)
      return task === undefined ? [] : [{ number, task, wait }]
    })
  }
}
