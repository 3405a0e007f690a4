import type { Fence, Json, LogLine, NodeId, Status, Task, TaskId } from '../core/task.ts'
import type { Move } from '../core/transition.ts'
import type { Told } from '../core/webhook.ts'
import { keepsKey } from '../core/unique.ts'
import type { Wait } from '../core/wait.ts'
import { replacesStep, stepId, type StepRecord } from '../core/step.ts'
import { lineOf } from './codec.ts'
import { logLimit, timelineLimit } from './store.ts'

/** A slot that fenced-off code of an earlier run holds until it returns. */
export type OccupiedSlot = Readonly<{ id: TaskId; fence: Fence; node: NodeId; type: string }>

/** A task to insert. `rowId` is the key of its documents; `lines` is its first timeline entry. */
export type NewRow = Readonly<{ rowId: number; task: Task; lines: string; parameters: Json }>

/**
 * A row read by a transaction, and the changes that commands make to it. Each SQL store reads rows and writes the changes its own
 * way. Several commands of one transaction may change the same row.
 */
export class TaskRow {
  readonly rowId: number
  /** Others wait for its end, as far as the row was read. */
  readonly isAwaited: boolean
  /** As it was read. */
  readonly before: Task
  task: Task
  /** Timeline entries to append, each after a comma. */
  lines = ''
  isChanged = false
  /** Its documents, log and tags are deleted with it. */
  isDeleted = false
  /** Null deletes it; undefined keeps it. */
  checkpoint: Json | null | undefined = undefined
  result: Json | null | undefined = undefined
  /** In order, for what is told of them. */
  moves: Move[] | undefined = undefined
  /** Undefined keeps them. */
  parameters: Json | undefined = undefined
  /** Lines to append to its log. */
  log: readonly LogLine[] | undefined = undefined
  /** Steps to store, unless they are completed there. */
  steps: readonly StepRecord[] | undefined = undefined
  /** Steps and waits that are stored are deleted first. */
  dropsSteps = false
  /** Later runs start its children anew. */
  forgetsChildren = false
  /** A wait to store, in place of the one under its key. */
  wait: Wait | undefined = undefined
  /** Slots that fenced-off code of this task holds from now on. */
  fencedOff: readonly OccupiedSlot[] | undefined = undefined

  constructor(rowId: number, task: Task, isAwaited = false) {
    this.rowId = rowId
    this.isAwaited = isAwaited
    this.before = task
    this.task = task
  }

  move(move: Move): Move {
    ;(this.moves ??= []).push(move)
    this.task = move.task
    this.lines += `,${lineOf(move.entry)}`
    this.isChanged = true
    return move
  }

  /** A change that is not a move. */
  change(task: Task): void {
    this.task = task
    this.isChanged = true
  }

  delete(): void {
    this.isDeleted = true
  }

  addLog(lines: readonly LogLine[]): void {
    this.log = [...(this.log ?? []), ...lines].slice(-logLimit)
  }

  /** Each key is written once, as if the steps were stored one after the other. */
  addSteps(steps: readonly StepRecord[]): void {
    const byKey = new Map((this.steps ?? []).map((step) => [stepId(step), step]))
    for (const step of steps) {
      const earlier = byKey.get(stepId(step))
      if (earlier === undefined || replacesStep(earlier)) byKey.set(stepId(step), step)
    }
    this.steps = [...byKey.values()]
  }

  dropSteps(): void {
    this.steps = undefined
    this.dropsSteps = true
  }

  fenceOff(fence: Fence, node: NodeId): void {
    const { id, type } = this.task
    this.fencedOff = [...(this.fencedOff ?? []), { id, fence, node, type }]
  }

  /** Reports how the counts of tasks change. */
  count(add: (type: string, status: Status, tasks: number) => void): void {
    const { before, task } = this
    if (before.status === task.status && !this.isDeleted) return
    add(before.type, before.status, -1)
    if (!this.isDeleted) add(task.type, task.status, 1)
  }

  /** The change ends that it has a unique key. The key may have gone to another task before. */
  get freesKey(): boolean {
    const { before, task } = this
    return before.unique !== null && keepsKey(before) && (this.isDeleted || !keepsKey(task))
  }

  /** The change lets it have its unique key again. */
  get retakesKey(): boolean {
    const { before, task } = this
    return task.unique !== null && !this.isDeleted && keepsKey(task) && !keepsKey(before)
  }

  /** A timeline over its limit is shortened at every fiftieth version. */
  get mustShortenTimeline(): boolean {
    const { before, task } = this
    return task.version > timelineLimit && Math.floor(before.version / 50) !== Math.floor(task.version / 50)
  }
}

/** What is told of a move. */
export function toldOf({ before, task, entry }: Move): Told {
  return { before, task, at: entry.at }
}
