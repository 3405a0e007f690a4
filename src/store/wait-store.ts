import type { Origin } from '../core/caller.ts'
import { fits, type Filter, type Order } from '../core/filter.ts'
import { isTerminal, type Fence, type NodeId, type Task, type TaskId } from '../core/task.ts'
import type { Move } from '../core/transition.ts'
import type { Wait, WaitAnswer, WaitReached } from '../core/wait.ts'

/** Waits of tasks for answers. They are deleted with their tasks. */
export interface WaitStore {
  /**
   * A run has come to this wait: it is stored unless it is there already. Null if the run is not the newest or its task is not active;
   * `full` if the task has as many waits as it may have.
   */
  reach(node: NodeId, request: ReachRequest): Promise<Reached | 'full' | null>

  /** Stores the first answer of a wait and queues its task if that waits for it. Recorded in the audit log. */
  answer(request: AnswerRequest, audit: Origin): Promise<AnswerResult>

  find(tokenHash: string): Promise<TaskWait | null>

  /** A page of waits by their number. */
  list(query: WaitQuery): Promise<WaitPage>
}

export type ReachRequest = Readonly<{ id: TaskId; fence: Fence; reached: WaitReached }>

/** `news`: as the task had it when the wait was read. `unreadable`: why its texts cannot be decrypted, as a clause. */
export type Reached = Readonly<{ wait: Wait; news: number; now: number; unreadable?: string }>

export type AnswerRequest = Readonly<{ id: TaskId; answer: WaitAnswer }>

export type AnswerResult =
  | Readonly<{ kind: 'answered'; move: Move; wait: Wait }>
  /** See `waitAnswered`. */
  | Readonly<{ kind: 'late'; wait: Wait; task: Task }>
  | Readonly<{ kind: 'opened' | 'gone' }>
  /** The task has ended. */
  | Readonly<{ kind: 'ended'; task: Task }>
  /** The task has as many waits as it may have. */
  | Readonly<{ kind: 'full' }>
  | Readonly<{ kind: 'unknown' }>

/** A wait with its task. `number`: in the order in which they were first stored, in all tasks. */
export type TaskWait = Readonly<{ number: number; task: Task; wait: Wait; unreadable?: string }>

export type WaitQuery = Readonly<{
  /** Of the tasks, without a text. */
  filter: Omit<Filter, 'text'>
  /** Of this task only. */
  id?: TaskId
  name?: string
  /** `open`: a run has come to it, nobody has answered, and its task has not ended. Default: both. */
  state?: 'open' | 'closed'
  order: Order
  /** The number after which the page begins. */
  after: number | null
  /** Maximum waits of the page. */
  limit: number
  /** Maximum waits to look at: a page can be short and still have a next one. */
  scan: number
}>

export type WaitPage = Readonly<{ waits: readonly TaskWait[]; next: number | null }>

export function isOpenWait({ task, wait }: Pick<TaskWait, 'task' | 'wait'>): boolean {
  return wait.status === 'open' && !isTerminal(task.status)
}

/** The page of these waits: the first `scan` in order, as the query of a store returned them. */
export function waitPageOf(
  rows: readonly TaskWait[],
  { filter, name, state, limit, scan }: WaitQuery,
): WaitPage {
  const waits: TaskWait[] = []
  for (const [index, row] of rows.entries()) {
    if (
      fits(row.task, filter) &&
      (name === undefined || row.wait.name === name) &&
      (state === undefined || isOpenWait(row) === (state === 'open'))
    )
      waits.push(row)
    if (waits.length === limit && index < rows.length - 1) return { waits, next: row.number }
  }
  return { waits, next: rows.length < scan ? null : (rows.at(-1)?.number ?? null) }
}
