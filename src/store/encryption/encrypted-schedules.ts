import type { NewEntry } from '../../core/audit.ts'
import type { Schedule, ScheduledOptions, ScheduleView, Tick } from '../../core/schedule.ts'
import type { Submission } from '../../core/task.ts'
import type {
  DueSchedules,
  Outcome,
  ScheduleChange,
  ScheduleChanged,
  ScheduleStore,
} from '../schedule-store.ts'
import { Unopened, type Keyring } from './keyring.ts'
import { sealCallback } from './task-codec.ts'

/**
 * The schedules above those of a store: their parameters and callbacks are encrypted like those of their tasks. A schedule that cannot be decrypted here
 * does not exist for this node, and ticks on nodes that have its key.
 */
export class EncryptedSchedules implements ScheduleStore {
  readonly #store: ScheduleStore
  readonly #ring: Keyring

  constructor(store: ScheduleStore, ring: Keyring) {
    this.#store = store
    this.#ring = ring
  }

  async add(schedule: Schedule, audit?: NewEntry): Promise<boolean> {
    return this.#store.add(sealSchedule(this.#ring, schedule), audit)
  }

  async change(changes: readonly ScheduleChange[], maxQueued: number): Promise<readonly ScheduleChanged[]> {
    const sealed = changes.map((change) => ({
      ...change,
      schedule: change.isRedefined ? sealSchedule(this.#ring, change.schedule) : change.schedule,
      submissions: change.submissions.map((submission) => this.#sealSubmission(submission)),
    }))
    const answers = await this.#store.change(sealed, maxQueued)
    return answers.map((answer, index) =>
      answer.kind === 'changed'
        ? { ...answer, schedule: likeGiven(answer.schedule, changes[index]!.schedule) }
        : answer,
    )
  }

  remove(id: string, audit?: NewEntry): Promise<boolean> {
    return this.#store.remove(id, audit)
  }

  async list(after: string, limit: number): Promise<readonly Schedule[]> {
    const page = await this.#store.list(after, limit)
    // The page keeps its length: what follows it is found by it.
    return page.map((schedule) => this.#opened(schedule) ?? { ...schedule, parameters: 'null', options: {} })
  }

  async view(ids: readonly string[]): Promise<readonly ScheduleView[]> {
    const views = await this.#store.view(ids)
    return views.flatMap((view) => {
      const schedule = this.#opened(view.schedule)
      return schedule === undefined ? [] : [{ ...view, schedule }]
    })
  }

  due(types: readonly string[], limit: number): Promise<DueSchedules> {
    return this.#store.due(types, limit)
  }

  lag(): Promise<number> {
    return this.#store.lag()
  }

  record(outcomes: readonly Outcome[]): Promise<readonly string[]> {
    return this.#store.record(outcomes)
  }

  ticks(id: string, before: number, limit: number): Promise<readonly Tick[]> {
    return this.#store.ticks(id, before, limit)
  }

  prune(
    retention: number,
    after: string,
    limits: Readonly<{ schedules: number; ticks: number }>,
  ): Promise<Readonly<{ next: string | null; deleted: number }>> {
    return this.#store.prune(retention, after, limits)
  }

  #sealSubmission(submission: Submission): Submission {
    if (!this.#ring.encrypts) return submission
    const { id, parameters, callback } = submission
    return {
      ...submission,
      parameters: this.#ring.seal(parameters, id, 'parameters'),
      callback: callback === undefined ? undefined : sealCallback(this.#ring, id, callback),
    }
  }

  #opened(schedule: Schedule): Schedule | undefined {
    try {
      return openSchedule(this.#ring, schedule)
    } catch (error) {
      if (error instanceof Unopened) return undefined
      throw error
    }
  }
}

/** A schedule as it is stored under the first key. */
export function sealSchedule(ring: Keyring, schedule: Schedule): Schedule {
  if (!ring.encrypts) return schedule
  const owner = ownerOf(schedule)
  return {
    ...schedule,
    parameters: ring.seal(schedule.parameters, owner, 'parameters'),
    options: withCallback(schedule.options, (url) => ring.seal(url, owner, 'callback')),
  }
}

/** Throws `Unopened`. */
export function openSchedule(ring: Keyring, schedule: Schedule): Schedule {
  const owner = ownerOf(schedule)
  return {
    ...schedule,
    parameters: ring.open(schedule.parameters, owner, 'parameters'),
    options: withCallback(schedule.options, (url) => ring.open(url, owner, 'callback')),
  }
}

/** What the store answers, with the texts that it was given. */
function likeGiven(stored: Schedule, { parameters, options }: Schedule): Schedule {
  return { ...stored, parameters, options }
}

function withCallback(options: ScheduledOptions, change: (url: string) => string): ScheduledOptions {
  const { callbackUrl } = options
  return callbackUrl === undefined ? options : { ...options, callbackUrl: change(callbackUrl) }
}

/** What the text belongs to: it cannot be read in the place of another one. */
function ownerOf({ id }: Schedule): string {
  return `schedule ${id}`
}
