import type { Clock } from '../core/clock.ts'
import { ControlRefused, StoreUnavailable, TaskUnknown } from '../core/errors.ts'
import type { Control, Task, TaskId, TimelineEntry } from '../core/task.ts'
import type { Bus } from '../journal/bus.ts'
import type { Command, Controlled, Store } from '../store/store.ts'
import type { ControlOptions } from './api.ts'
import { watchControl } from './control-waits.ts'

export type ControlsOptions = Readonly<{
  store: Store
  bus: Bus
  clock: Clock
  committed: (task: Task, entry: TimelineEntry) => void
  dueAt: (time: number | null) => void
  /** Resolves once what may start has been claimed. */
  claimed: () => Promise<void>
  /** A caller waits for what becomes of this task. */
  awaited: (id: TaskId) => void
  /** The row as a command found it. */
  seen: (task: Task) => void
  /** Commands on these tasks may have been recorded, although their callers are told of a failure. */
  inDoubt: (ids: readonly TaskId[]) => void
}>

/** Carries out what callers want of tasks that are there. */
export class Controls {
  readonly #options: ControlsOptions

  constructor(options: ControlsOptions) {
    this.#options = options
  }

  /** On one task, waiting for the engine to have acted. */
  async control(id: TaskId, control: Control, options: ControlOptions): Promise<Task> {
    const { bus, clock, claimed, awaited } = this.#options
    const { wait = 0, fromStart = false, signal } = options
    const settling = wait > 0 ? watchControl(bus, clock, id) : undefined
    try {
      const answer = this.act([{ id, control, by: 'api', fromStart }])
      // A free slot is claimed in the very transaction that queues the task.
      const claiming = control === 'resume' || control === 'retry' ? claimed() : undefined
      const [result] = await answer
      if (result === undefined || result.kind === 'unknown') throw new TaskUnknown(id)
      if (result.kind === 'refused') throw new ControlRefused(control, id, result.task.status, result.why)
      if (settling === undefined) return result.task
      awaited(id)
      return await settling.after(result.task, wait, claiming, signal)
    } finally {
      settling?.stop()
    }
  }

  async act(commands: readonly Command[]): Promise<readonly Controlled[]> {
    const { committed, dueAt, seen } = this.#options
    const answers = await this.#write(commands)
    for (const answer of answers) {
      if (answer.kind === 'stands' || answer.kind === 'refused') seen(answer.task)
      if (answer.kind !== 'moved') continue
      committed(answer.task, answer.entry)
      if (answer.task.status === 'scheduled') dueAt(answer.task.runAt)
    }
    return answers
  }

  /** A control in doubt may have been recorded: its caller is told so, and code that runs here must hear of it. */
  #write(commands: readonly Command[]): Promise<readonly Controlled[]> {
    const { store, inDoubt } = this.#options
    // The same promise: the answer comes before that of a claim in the same commit.
    const answers = store.control(commands)
    answers.catch((error: unknown) => {
      if (error instanceof StoreUnavailable && error.unknown) inDoubt(commands.map(({ id }) => id))
    })
    return answers
  }

  async purge(id: TaskId): Promise<void> {
    const [answer] = await this.#options.store.purge([id])
    if (answer === undefined || answer.kind === 'unknown') throw new TaskUnknown(id)
    if (answer.kind === 'refused') throw new ControlRefused('purge', id, answer.task.status)
  }
}
