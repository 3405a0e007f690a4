import { scheduleEntry } from '../core/audit.ts'
import type { Origin } from '../core/caller.ts'
import { sleep, type Clock } from '../core/clock.ts'
import {
  DefinitionInvalid,
  Forbidden,
  OptionsInvalid,
  QueueFull,
  TooManyQueued,
  ScheduleExists,
  ScheduleUnknown,
  StoreUnavailable,
  TaskError,
} from '../core/errors.ts'
import type { Tenant } from '../core/lease.ts'
import type { Logger } from '../core/logger.ts'
import {
  backfilled,
  definitionOf,
  mostWaiting,
  ranNow,
  scheduleMade,
  schedulePaused,
  scheduleRedefined,
  scheduleResumed,
  submissionOfTick,
  type Schedule,
  type ScheduleDefinition,
  type ScheduleView,
} from '../core/schedule.ts'
import type { Operation } from '../core/operation.ts'
import { mask } from '../core/redaction.ts'
import { ticksBetween } from '../core/ticks.ts'
import type { TaskId } from '../core/task.ts'
import type { Journal } from '../journal/journal.ts'
import type { Registry } from '../registry/registry.ts'
import type { DefinedSchedule, ScheduleDraft } from '../registry/schedule.ts'
import type { Claimer } from '../scheduling/claimer.ts'
import type { Scheduler } from '../scheduling/scheduler.ts'
import type { ScheduleChange, ScheduleChanged } from '../store/schedule-store.ts'
import type { Store } from '../store/store.ts'
import type { ScheduleInfo, SchedulesApi } from './schedules-api.ts'
import { maySee, mustHaveTag } from './limited.ts'
import type { Limits } from './limits.ts'
import { shownParameters } from './redacting.ts'
import { definitionFrom, scheduledSubmission } from './schedule-definition.ts'
import type { Webhooks } from './webhooks.ts'

export type SchedulesOptions = Readonly<{
  store: Store
  registry: Registry
  clock: Clock
  logger: Logger
  journal: Journal
  claimer: Claimer
  scheduler: Scheduler
  tenant: Tenant
  newId: () => string
  maxQueued: number
  limits: Pick<Limits, 'mustKnow'>
  webhooks: Pick<Webhooks, 'mustReach'>
  /** Throws if no work is accepted. */
  mustTakeWork: () => void
}>

/** Ticks that are computed for one schedule, and for each of a list. */
const nextShown = 10
const nextListed = 3
const runsShown = 20
/** How often a change is based on a newer version after another one came first. */
const tries = 20

/** What a change makes of a schedule. */
type Changed = Omit<ScheduleChange, 'isRedefined' | 'by' | 'audit'> & Readonly<{ isRedefined?: boolean }>

/** Creates and changes schedules. What happens with time is decided by the scheduler. */
export class Schedules {
  readonly #options: SchedulesOptions

  constructor(options: SchedulesOptions) {
    this.#options = options
  }

  /** The same for one caller: whatever it may not see does not exist for it. `showsAll`: it sees sensitive parameters. */
  for(origin: Origin, showsAll: boolean): SchedulesApi {
    const { store, registry, newId, limits } = this.#options
    const { caller } = origin
    const by = caller.name
    const mustSee = (definition: ScheduleDefinition) => {
      if (caller.types !== null && !caller.types.includes(definition.type)) {
        throw new Forbidden(`This key is limited to other types than ${JSON.stringify(definition.type)}.`)
      }
      mustHaveTag(caller, [definition.options.tags ?? []])
    }
    const sees = ({ type, options }: Schedule) => maySee(caller, { type, tags: options.tags ?? [] })
    const known = async (id: string) => {
      const [view] = await store.schedules.view([id])
      if (view === undefined || !sees(view.schedule)) throw new ScheduleUnknown(id)
      return view
    }
    const change = async (
      id: string,
      action: Parameters<typeof scheduleEntry>[1],
      make: (schedule: Schedule, now: number) => Changed | null,
      { reason, taskId }: Readonly<{ reason?: string | undefined; taskId?: TaskId }> = {},
    ) => {
      await known(id)
      const audited = reason === undefined ? origin : { ...origin, reason }
      return this.#change(id, { by, audit: scheduleEntry(audited, action, id, taskId ?? null) }, make)
    }
    const showsCallbacks = caller.scopes.includes('admin')
    const infoOf = (view: ScheduleView, count: number): ScheduleInfo => {
      const info = this.#infoOf(view, count)
      const { type, parameters, options } = info.schedule
      const hidesCallback = options.callbackUrl !== undefined && !showsCallbacks
      if (showsAll && !hidesCallback) return info
      return {
        ...info,
        schedule: {
          ...info.schedule,
          ...(showsAll ? {} : { parameters: shownParameters(registry, type, parameters) }),
          ...(hidesCallback ? { options: { ...options, callbackUrl: mask } } : {}),
        },
      }
    }
    const checked = async (draft: ScheduleDraft): Promise<ScheduleDefinition> => {
      const definition = this.#definitionFrom(draft)
      mustSee(definition)
      await limits.mustKnow([definition.options.limits])
      return definition
    }
    const shown = async (id: string) => infoOf(await known(id), nextShown)

    return {
      create: async (draft) => {
        const definition = await checked(draft)
        const { paused = false, id = newId() } = draft
        const made = scheduleMade({ id, ...definition }, { now: store.now(), by, origin: 'api', paused })
        this.#options.mustTakeWork()
        if (!(await store.schedules.add(made, scheduleEntry(origin, 'schedule.create', id))))
          throw new ScheduleExists(id)
        this.#options.scheduler.expect(made.dueAt)
        return shown(id)
      },

      replace: async (id, draft) => {
        const definition = await checked(draft)
        await change(id, 'schedule.update', (schedule, now) => {
          const redefined = scheduleRedefined(schedule, definition, { now, origin: 'api' })
          return {
            schedule: withPause(redefined, draft.paused, by, now),
            isRedefined: true,
            ticks: [],
            submissions: [],
          }
        })
        return shown(id)
      },

      get: shown,

      list: async ({ after = '', limit = 50 } = {}) => {
        const page = await store.schedules.list(after, limit)
        const ids = page.filter(sees).map(({ id }) => id)
        const views = new Map((await store.schedules.view(ids)).map((view) => [view.schedule.id, view]))
        return {
          schedules: ids.flatMap((id) => {
            const view = views.get(id)
            return view === undefined ? [] : [infoOf(view, nextListed)]
          }),
          next: page.length < limit ? null : page.at(-1)!.id,
        }
      },

      pause: async (id, { reason } = {}) => {
        await change(
          id,
          'schedule.pause',
          (schedule, now) =>
            schedule.paused !== null
              ? null
              : { schedule: schedulePaused(schedule, by, reason ?? null, now), ticks: [], submissions: [] },
          { reason },
        )
        return shown(id)
      },

      resume: async (id) => {
        await change(id, 'schedule.resume', (schedule, now) =>
          schedule.paused === null ? null : { ...scheduleResumed(schedule, now), submissions: [] },
        )
        return shown(id)
      },

      run: async (id) => {
        this.#options.mustTakeWork()
        const taskId = newId()
        const changed = await change(
          id,
          'schedule.run',
          (schedule, now) => {
            const { schedule: ran, ticks, tickAt } = ranNow(schedule, taskId, now)
            const submission = scheduledSubmission(registry, schedule, taskId)
            return { schedule: ran, ticks, submissions: [submissionOfTick(submission, schedule, tickAt)] }
          },
          { taskId },
        )
        return changed?.schedule.lastTaskId ?? taskId
      },

      backfill: async (id, { from, until, overlap = 'buffer_all' }) => {
        const [first, last] = [timeOf('from', from), timeOf('until', until)]
        const refuse = (path: string, message: string) => {
          throw new OptionsInvalid([{ path, message }])
        }
        if (last < first) refuse('until', 'must not be before from')
        if (last > store.now()) refuse('until', 'must be in the past')
        const { schedule: before } = await known(id)
        const ticks = ticksBetween(before, first - 1, last, mostWaiting + 1)
        if (ticks.length > mostWaiting) {
          refuse('until', `the range has more than ${mostWaiting} ticks: choose a shorter one`)
        }
        const operation = await store.beginOperation(this.#backfillOf(before, ticks.length, origin))
        const filled = await change(id, 'schedule.backfill', (schedule, now) => ({
          ...backfilled(schedule, ticks, overlap, now),
          submissions: [],
        }))
        const added = filled?.ticks ?? 0
        const counts = { changed: added, unchanged: ticks.length - added }
        await store.saveOperation({ ...operation, ...counts, status: 'completed', endedAt: store.now() })
        return { ticks: added, operationId: operation.id }
      },

      remove: async (id) => {
        await known(id)
        if (!(await store.schedules.remove(id, scheduleEntry(origin, 'schedule.delete', id))))
          throw new ScheduleUnknown(id)
      },

      ticks: async (id, { before = Number.MAX_SAFE_INTEGER, limit = 100 } = {}) => {
        await known(id)
        return store.schedules.ticks(id, before, limit)
      },

      preview: async (draft) => {
        const definition = await checked(draft)
        const nextTicks = ticksBetween(definition, store.now(), Number.MAX_SAFE_INTEGER, nextShown)
        return { definition, nextTicks }
      },
    }
  }

  /**
   * Throws `DefinitionInvalid` if a schedule defined in code is new or changed, and names a limit that does not exist. It only warns of a limit
   * that was deleted since: while no node starts, nobody could create it again.
   */
  async mustKnowLimits(defined: readonly DefinedSchedule[]): Promise<void> {
    const { store, registry, limits, logger } = this.#options
    for (const draft of defined) {
      const { id, options } = draft
      if (options?.limits === undefined) continue
      try {
        await limits.mustKnow([options.limits])
      } catch (error) {
        if (!(error instanceof OptionsInvalid)) throw error
        const [view] = await store.schedules.view([id])
        if (view === undefined || mustRedefine(view.schedule, definitionFrom(registry, draft)))
          throw invalid(id, error)
        if (view.schedule.origin === 'code')
          logger.warn(
            { schedule: id, limits: Object.keys(options.limits) },
            'a schedule names a limit that no longer exists, so its tasks are not held back by it',
          )
      }
    }
  }

  /** Throws `OptionsInvalid` for a callback that cannot be reached, too. */
  #definitionFrom(draft: ScheduleDraft): ScheduleDefinition {
    const { registry, webhooks } = this.#options
    const { callbackUrl } = draft.options ?? {}
    if (callbackUrl === mask) {
      const message = `"${mask}" only stands for a URL that you may not see: send the URL itself`
      throw new OptionsInvalid([{ path: 'callbackUrl', message }])
    }
    const definition = definitionFrom(registry, draft)
    webhooks.mustReach([callbackUrl])
    return definition
  }

  /** Brings schedules defined in code up to date. Those of these ids that people have made or changed are left alone. */
  async reconcile(defined: readonly DefinedSchedule[]): Promise<void> {
    const { store, logger } = this.#options
    for (const draft of defined) {
      const { id } = draft
      const definition = named(draft, () => this.#definitionFrom(draft))
      const made = scheduleMade(
        { id, ...definition },
        { now: store.now(), by: 'code', origin: 'code', paused: draft.paused ?? false },
      )
      if (await store.schedules.add(made)) continue
      await this.#changeIfKnown(id, (schedule, now) => {
        if (schedule.origin !== 'code') {
          logger.warn(
            { schedule: id },
            'a schedule defined in code was made or changed by hand, so it is left alone',
          )
          return null
        }
        if (!mustRedefine(schedule, definition)) return null
        const redefined = scheduleRedefined(schedule, definition, { now, origin: 'code' })
        return { schedule: redefined, isRedefined: true, ticks: [], submissions: [] }
      })
    }
    if (defined.length > 0) await this.#nameForgotten(new Set(defined.map(({ id }) => id)))
  }

  /** A schedule that this node cannot decrypt is left to others. */
  async #changeIfKnown(id: string, make: (schedule: Schedule, now: number) => Changed | null): Promise<void> {
    try {
      await this.#change(id, { by: 'code' }, make)
    } catch (error) {
      if (!(error instanceof ScheduleUnknown)) throw error
      this.#options.logger.warn({ schedule: id }, 'a schedule defined in code cannot be read by this node')
    }
  }

  /** Undefined if nothing was to be changed. */
  async #change(
    id: string,
    { by, audit }: Pick<ScheduleChange, 'by' | 'audit'>,
    make: (schedule: Schedule, now: number) => Changed | null,
  ): Promise<Extract<ScheduleChanged, { kind: 'changed' }> | undefined> {
    const { store, clock, maxQueued, claimer, journal, scheduler } = this.#options
    for (let left = tries; left > 0; left--) {
      const [view] = await store.schedules.view([id])
      if (view === undefined) throw new ScheduleUnknown(id)
      const made = make(view.schedule, store.now())
      if (made === null) return undefined
      const change = { isRedefined: false, by, audit, ...made }
      const write = () => store.schedules.change([change], maxQueued)
      const starts = change.submissions.length > 0
      const [result] = await (starts ? claimer.claimWith(write).answer : write())
      if (result?.kind === 'changed') {
        journal.publish(result.tasks)
        scheduler.expect(result.schedule.dueAt)
        return result
      }
      if (result?.kind === 'full') {
        const { crowded } = result
        if (crowded === undefined) throw new QueueFull(maxQueued)
        throw new TooManyQueued(view.schedule.type, crowded.limit, crowded.max)
      }
      await sleep(clock, retryAfter)
    }
    throw new StoreUnavailable(`The schedule ${JSON.stringify(id)} is being changed by others. Try again.`, {
      unknown: false,
    })
  }

  #infoOf({ schedule, recent }: ScheduleView, count: number): ScheduleInfo {
    const { paused, nextAt } = schedule
    const nextTicks =
      paused !== null || nextAt === null
        ? []
        : ticksBetween(schedule, nextAt - 1, Number.MAX_SAFE_INTEGER, count)
    return { schedule, nextTicks, runs: recent.slice(0, runsShown) }
  }

  #backfillOf({ type }: Schedule, matched: number, { caller }: Origin): Operation {
    const { newId, tenant, store } = this.#options
    return {
      id: newId(),
      action: 'backfill',
      filter: { types: [type] },
      by: caller.name,
      callerId: caller.id,
      reason: null,
      dryRun: false,
      status: 'running',
      node: tenant.node,
      createdAt: store.now(),
      endedAt: null,
      matched,
      changed: 0,
      unchanged: 0,
      refused: 0,
      error: null,
    }
  }

  async #nameForgotten(defined: ReadonlySet<string>): Promise<void> {
    const { store, logger } = this.#options
    for (let after: string | null = ''; after !== null;) {
      const page: readonly Schedule[] = await store.schedules.list(after, atOnce)
      for (const { id, origin } of page) {
        if (origin === 'code' && !defined.has(id)) {
          logger.warn(
            { schedule: id },
            'a schedule is no longer defined in code but keeps ticking; delete it with "fermata schedule delete"',
          )
        }
      }
      after = page.length < atOnce ? null : page.at(-1)!.id
    }
  }
}

const atOnce = 100
/** Milliseconds. */
const retryAfter = 5

/** Throws `DefinitionInvalid` for the first schedule that cannot be used. */
export function mustBeUsable(registry: Registry, schedules: readonly DefinedSchedule[]): void {
  const ids = new Set<string>()
  for (const schedule of schedules) {
    if (ids.has(schedule.id))
      throw new DefinitionInvalid(`${nameOf(schedule.id)} is defined twice: rename one`)
    ids.add(schedule.id)
    named(schedule, () => definitionFrom(registry, schedule))
  }
}

/** Says in which schedule a mistake is. */
function named<T>(schedule: DefinedSchedule, check: () => T): T {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof TaskError)) throw error
    throw invalid(schedule.id, error)
  }
}

function invalid(id: string, cause: TaskError): DefinitionInvalid {
  return new DefinitionInvalid(`${nameOf(id)}: ${cause.message}`, { cause })
}

function nameOf(id: string): string {
  return `schedule ${JSON.stringify(id)}`
}

/** Whether a schedule must be changed to what code defines. */
function mustRedefine(schedule: Schedule, definition: ScheduleDefinition): boolean {
  const textOf = (one: ScheduleDefinition) => JSON.stringify(definitionOf(one))
  return schedule.origin === 'code' && textOf(schedule) !== textOf(definition)
}

function withPause(schedule: Schedule, paused: boolean | undefined, by: string, now: number): Schedule {
  if (paused === undefined || paused === (schedule.paused !== null)) return schedule
  const { version } = schedule
  return paused
    ? { ...schedulePaused(schedule, by, null, now), version }
    : { ...scheduleResumed(schedule, now).schedule, version }
}

function timeOf(path: string, value: Date | number): number {
  const at = Math.round(value instanceof Date ? value.getTime() : value * 1_000)
  if (Number.isFinite(at) && at >= 0) return at
  throw new OptionsInvalid([{ path, message: 'must be a date, or a time in Unix seconds' }])
}
