import type { Audit } from '../core/audit.ts'
import type { Clock } from '../core/clock.ts'
import { withReason, type Origin } from '../core/caller.ts'
import { ControlRefused, StoreUnavailable, TaskUnknown, UniqueConflict } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Control, Task, TaskId } from '../core/task.ts'
import type { Bus } from '../journal/bus.ts'
import type { Journal } from '../journal/journal.ts'
import { publishNewest } from '../journal/newest.ts'
import type { Claimer } from '../scheduling/claimer.ts'
import type { Command, Controlled, Store } from '../store/store.ts'
import type { ControlOptions } from './api.ts'
import { watchControl } from './control-waits.ts'

export type ControlsOptions = Readonly<{
  store: Store
  bus: Bus
  journal: Journal
  clock: Clock
  logger: Logger
  claimer: Claimer
  /** Polls a task whose code may run on another node; undefined if one process owns the store. */
  sync: Readonly<{ lookClosely(id: TaskId): void }> | undefined
  /** Aborts when the node has shut down. */
  closed: AbortSignal
}>

/** Carries out controls of existing tasks. */
export class Controls {
  readonly #options: ControlsOptions

  constructor(options: ControlsOptions) {
    this.#options = options
  }

  /** Controls one task, and waits for the effect. */
  async control(id: TaskId, control: Control, options: ControlOptions, origin: Origin): Promise<Task> {
    const { bus, clock, sync } = this.#options
    const { wait = 0, fromStart = false, reason: why, signal } = options
    const { name: by } = origin.caller
    const watch = wait > 0 ? watchControl(bus, clock, id) : undefined
    try {
      const { answer, claimed } = this.#carryOut(
        [{ id, control, by, why, fromStart }],
        withReason(origin, why),
      )
      const [result] = await answer
      if (result === undefined || result.kind === 'unknown') throw new TaskUnknown(id)
      if (result.kind === 'refused') throw new ControlRefused(control, id, result.task.status, result.why)
      if (result.kind === 'taken') throw new UniqueConflict(result.task.unique?.key ?? '', result.by)
      if (watch === undefined) return result.task
      sync?.lookClosely(id)
      return await watch.after(result.task, wait, claimed, signal)
    } finally {
      watch?.stop()
    }
  }

  /** Calls the store before its first await, so that its caller decides what shares the commit. */
  act(commands: readonly Command[], audit: Audit | undefined): Promise<readonly Controlled[]> {
    return this.#carryOut(commands, audit).answer
  }

  async purge(id: TaskId, origin: Origin): Promise<void> {
    const [answer] = await this.#options.store.purge([id], undefined, origin)
    if (answer === undefined || answer.kind === 'unknown') throw new TaskUnknown(id)
    if (answer.kind === 'refused') throw new ControlRefused('purge', id, answer.task.status, answer.why)
  }

  /** `claimed`: resolves when what was queued has been claimed, as far as slots are free; undefined if nothing was queued. */
  #carryOut(
    commands: readonly Command[],
    audit: Audit | undefined,
  ): Readonly<{ answer: Promise<readonly Controlled[]>; claimed: Promise<void> | undefined }> {
    const { store, claimer } = this.#options
    const write = () => this.#told(commands, store.control(commands, audit))
    const queues = commands.some(({ control }) => control === 'resume' || control === 'retry')
    return queues ? claimer.claimWith(write) : { answer: write(), claimed: undefined }
  }

  async #told(
    commands: readonly Command[],
    written: Promise<readonly Controlled[]>,
  ): Promise<readonly Controlled[]> {
    const { journal } = this.#options
    let answers
    try {
      answers = await written
    } catch (error) {
      // It may have been recorded: the caller is told so, and code running here must learn of it.
      if (error instanceof StoreUnavailable && error.unknown)
        for (const { id } of commands) void publishNewest(this.#options, id)
      throw error
    }
    for (const answer of answers) {
      if (answer.kind === 'moved') journal.publish([answer])
      else if (answer.kind !== 'unknown') journal.see(answer.task)
    }
    return answers
  }
}
