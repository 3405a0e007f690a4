import { z } from 'zod'
import { catchUpModes, overlaps } from '../core/schedule-choices.ts'
import { skipReasons, type Schedule, type Tick } from '../core/schedule.ts'
import { statuses } from '../core/task.ts'
import {
  backoffOption,
  callbackOption,
  priorityOption,
  reason,
  tagsOption,
  expiresOption,
  timeoutOption,
  attemptsOption,
} from './requests.ts'
import { fairnessOption, limitsOption } from './limits.ts'
import { duration, label, queryWhole, taskId, time, typeName } from './values.ts'

/** Requests and responses about schedules. */

const scheduleId = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/, 'must have 1 to 100 letters, digits, "_", "-" or "."')
  .meta({ description: 'Id of the schedule.', example: 'nightly-report' })

const overlap = z.enum(overlaps).meta({
  description:
    'What to do with a tick while a task of the schedule is unfinished. `skip`: nothing. `buffer_one`: one tick waits, others are skipped. `buffer_all`: all wait. `cancel_other`: cancel that task, and start when it has stopped. `allow`: start anyway. Default `skip`.',
  example: 'skip',
})

const moment = (description: string) =>
  z
    .number()
    .min(0)
    .max(253_402_300_799)
    .meta({ description: `${description} Unix seconds.`, example: 1_764_000_000 })

const expression = z.string().min(1).max(200)

const fields = {
  type: typeName,
  parameters: z
    .record(z.string(), z.unknown(), 'must be an object')
    .exactOptional()
    .meta({
      description: 'Parameters of each task; see the JSON schema of the type. Default: none.',
      example: { a: 2, b: 3 },
    }),
  options: z
    .strictObject({
      priority: priorityOption,
      timeout: timeoutOption,
      expires_in: expiresOption,
      max_attempts: attemptsOption,
      backoff: backoffOption,
      tags: tagsOption,
      limits: limitsOption,
      fairness_key: fairnessOption,
      callback_url: callbackOption,
    })
    .exactOptional()
    .meta({ description: 'Options of each task, as of a submit.', example: { tags: ['nightly'] } }),
  cron: z
    .union([expression, z.array(expression).min(1).max(20)], 'must be an expression, or a list of 1 to 20')
    .exactOptional()
    .meta({
      description:
        'Cron expressions of five fields, or six with seconds first. The schedule ticks whenever one of them does. Excludes `every`.',
      example: '0 9 * * 1-5',
    }),
  every: duration(
    'Time between ticks, counted from 1970-01-01T00:00:00Z. Whole seconds. Excludes `cron`.',
    '15m',
    1,
  ).exactOptional(),
  offset: duration('Shifts the ticks of `every`. Whole seconds.', 0).exactOptional(),
  timezone: z.string().min(1).max(100).exactOptional().meta({
    description: 'IANA name of the time zone of `cron`. Default `UTC`.',
    example: 'Europe/Berlin',
  }),
  from: moment('No tick before this time.').exactOptional(),
  until: moment('No tick after this time.').exactOptional(),
  jitter: duration('Each task starts up to this long after its tick. At most a day.', 0).exactOptional(),
  overlap: overlap.exactOptional(),
  catch_up: z
    .strictObject({
      mode: z
        .enum(catchUpModes)
        .exactOptional()
        .meta({ description: 'Default `latest`.', example: 'latest' }),
      window: duration('Ticks that are later are skipped.', '1h').exactOptional(),
      max: z.int().min(1).max(1_000).exactOptional().meta({
        description: 'For `all`: how many missed ticks run, the newest ones. Default 100.',
        example: 100,
      }),
    })
    .exactOptional()
    .meta({
      description:
        'What to do with ticks that are more than ten seconds late, because no node ran. `latest`: the latest one runs, if it is at most `window` late (one hour). `all`: all that are at most `window` late (default: all). `skip`: none.',
      example: { mode: 'latest', window: '1h' },
    }),
  pause_on_failures: z.int().min(1).max(20).exactOptional().meta({
    description: 'Failed runs in a row after which the schedule pauses itself. Default: never.',
    example: 3,
  }),
  paused: z.boolean().exactOptional().meta({
    description:
      'Whether it is paused. Default: a new schedule is not, and one that is replaced stays as it is.',
    example: false,
  }),
  description: label(500).exactOptional().meta({ description: 'For people.', example: 'Sales report' }),
}

const requestExample = {
  id: 'nightly-report',
  type: 'add',
  parameters: { a: 2, b: 3 },
  cron: '0 9 * * 1-5',
  timezone: 'Europe/Berlin',
}
const { id: _, ...replacementExample } = requestExample
const notObject = 'the body must be a JSON object'

export const ScheduleRequest = z
  .strictObject({ id: scheduleId.exactOptional(), ...fields }, notObject)
  .meta({ description: 'A new schedule. Without `id`, it gets one.', example: requestExample })

export const ScheduleReplacement = z
  .strictObject({ id: scheduleId.exactOptional(), ...fields }, notObject)
  .meta({
    description: 'Everything about a schedule; what is left out gets its default.',
    example: replacementExample,
  })

export const BackfillRequest = z
  .strictObject(
    {
      from: moment('The first tick is not before this time.'),
      until: moment('The last tick is not after this time, which is in the past.'),
      overlap: overlap.exactOptional().meta({
        description: 'As `overlap` of a schedule. Default `buffer_all`: one after the other.',
        example: 'buffer_all',
      }),
    },
    notObject,
  )
  .meta({ description: 'A range in the past.', example: { from: 1_764_000_000, until: 1_764_086_400 } })

export const ScheduleParams = z.object({
  schedule_id: z.string().max(200).meta({ description: 'Id of the schedule.', example: 'nightly-report' }),
})

export const SchedulesQuery = z.strictObject({
  limit: queryWhole(1, 200).default(50).meta({ description: 'Maximum number of schedules.', example: 50 }),
  cursor: z.string().max(200).exactOptional().meta({ description: '`next_cursor` of the page before.' }),
})

export const TicksQuery = z.strictObject({
  limit: queryWhole(1, 1_000).default(100).meta({ description: 'Maximum number of ticks.', example: 100 }),
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, 'must be the next_cursor of a page of ticks')
    .exactOptional()
    .meta({ description: '`next_cursor` of the page before: only earlier ticks.' }),
})

export const PauseScheduleQuery = z.strictObject({ reason: reason.exactOptional() })

const runBody = z.strictObject({
  tick_at: time('The tick, or the time of a run by hand.'),
  task_id: taskId,
  status: z
    .enum(statuses)
    .nullable()
    .meta({ description: 'Status of the task; null if nobody knows it any more.' }),
})

const scheduleExample = {
  id: 'nightly-report',
  type: 'add',
  parameters: { a: 2, b: 3 },
  options: {},
  cron: ['0 9 * * 1-5'],
  every: null,
  offset: 0,
  timezone: 'Europe/Berlin',
  from: null,
  until: null,
  jitter: 0,
  overlap: 'skip',
  catch_up: { mode: 'latest', window: 3_600, max: 100 },
  pause_on_failures: null,
  paused: false,
  paused_by: null,
  paused_reason: null,
  description: null,
  in_words: 'At 09:00, Monday through Friday',
  origin: 'api',
  created_at: 1_763_990_000.125,
  created_by: 'anonymous',
  updated_at: 1_763_990_000.125,
  next_at: 1_764_057_600,
  next_ticks: [1_764_057_600, 1_764_144_000],
  last_tick_at: 1_763_971_200,
  last_task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
  buffered: 0,
  runs: [{ tick_at: 1_763_971_200, task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31', status: 'completed' }],
}

export const ScheduleBody = z
  .strictObject({
    id: z.string(),
    type: typeName,
    parameters: z.unknown().meta({ description: 'Parameters of each task.', example: { a: 2, b: 3 } }),
    options: z.record(z.string(), z.unknown()).meta({
      description:
        'Options of each task, as they were given. Only the scope `admin` sees `callback_url`; others see `[redacted]`.',
    }),
    cron: z.array(z.string()).nullable(),
    every: z.number().nullable().meta({ description: 'Seconds between ticks.' }),
    offset: z.number(),
    timezone: z.string(),
    from: time('No tick before this time.').nullable(),
    until: time('No tick after this time.').nullable(),
    jitter: z.number(),
    overlap: z.enum(overlaps),
    catch_up: z.strictObject({
      mode: z.enum(catchUpModes),
      window: z.number().nullable().meta({ description: 'Seconds; null: no tick is too late.' }),
      max: z.int(),
    }),
    pause_on_failures: z.int().nullable(),
    paused: z.boolean(),
    paused_by: z
      .string()
      .nullable()
      .meta({ description: 'Who paused it; the schedule itself after failures.' }),
    paused_reason: z.string().nullable(),
    description: z.string().nullable(),
    in_words: z.string().meta({ description: 'When it ticks, in English.' }),
    origin: z.enum(['api', 'code']).meta({
      description: '`code`: defined in a module of tasks, and kept like it until a person changes it here.',
    }),
    created_at: time('Time of creation.'),
    created_by: z.string().meta({ description: 'The name of the caller that created it.' }),
    updated_at: time('Time of its last definition.'),
    next_at: time('The next tick; null while it is paused, and after the last one.').nullable(),
    next_ticks: z
      .array(z.number())
      .meta({ description: 'The next ten ticks, three in lists. Unix seconds.' }),
    last_tick_at: time('The newest tick that has a task.').nullable(),
    last_task_id: taskId.nullable(),
    buffered: z.int().meta({ description: 'Ticks that wait for an earlier task to end.' }),
    runs: z.array(runBody).meta({ description: 'The newest 20 runs, newest first.' }),
  })
  .meta({ description: 'A schedule.', example: scheduleExample })

export const SchedulesBody = z
  .strictObject({ schedules: z.array(ScheduleBody), next_cursor: z.string().nullable() })
  .meta({ description: 'Schedules, by id.', example: { schedules: [scheduleExample], next_cursor: null } })

export const PreviewBody = z
  .strictObject({
    in_words: z.string().meta({ description: 'When it ticks, in English.' }),
    next_ticks: z.array(z.number()).meta({ description: 'The next ten ticks. Unix seconds.' }),
  })
  .meta({
    description: 'When a schedule would tick.',
    example: { in_words: scheduleExample.in_words, next_ticks: scheduleExample.next_ticks },
  })

export const RunNowBody = z
  .strictObject({ task_id: taskId })
  .meta({ description: 'The task.', example: { task_id: scheduleExample.last_task_id } })

export const BackfillBody = z
  .strictObject({
    ticks: z.int().meta({ description: 'Ticks that were added; others of the range have a task already.' }),
    operation_id: z
      .string()
      .meta({ description: 'The record of the backfill; see `GET /api/operations/{operation_id}`.' }),
  })
  .meta({
    description: 'A backfill.',
    example: { ticks: 24, operation_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31' },
  })

const tickExample = {
  tick_at: 1_763_971_200,
  task_id: scheduleExample.last_task_id,
  status: 'completed',
  skipped: null,
}

export const TicksBody = z
  .strictObject({
    ticks: z.array(
      z.strictObject({
        tick_at: time('The tick, or the time of a run by hand.'),
        task_id: taskId.nullable().meta({ description: 'Null if it was skipped, and while it waits.' }),
        status: z
          .enum(statuses)
          .nullable()
          .meta({ description: 'Status of its task; null if nobody knows it any more.' }),
        skipped: z.enum(skipReasons).nullable().meta({ description: 'Why it has no task.' }),
      }),
    ),
    next_cursor: z.string().nullable(),
  })
  .meta({ description: 'Ticks, newest first.', example: { ticks: [tickExample], next_cursor: null } })

/** `words`: when it ticks, in English. */
export function scheduleBody(
  {
    schedule,
    nextTicks,
    runs,
  }: Readonly<{ schedule: Schedule; nextTicks: readonly number[]; runs: readonly Tick[] }>,
  words: string,
): z.output<typeof ScheduleBody> {
  const { options, paused, catchUp } = schedule
  const { maxAttempts, expiresIn, fairnessKey, callbackUrl, ...others } = options
  return {
    id: schedule.id,
    type: schedule.type,
    parameters: JSON.parse(schedule.parameters) as unknown,
    options: {
      ...others,
      ...(maxAttempts === undefined ? {} : { max_attempts: maxAttempts }),
      ...(expiresIn === undefined ? {} : { expires_in: expiresIn }),
      ...(fairnessKey === undefined ? {} : { fairness_key: fairnessKey }),
      ...(callbackUrl === undefined ? {} : { callback_url: callbackUrl }),
    },
    cron: schedule.every === null ? [...schedule.cron] : null,
    every: seconds(schedule.every),
    offset: schedule.offset / 1_000,
    timezone: schedule.timezone,
    from: seconds(schedule.from),
    until: seconds(schedule.until),
    jitter: schedule.jitter / 1_000,
    overlap: schedule.overlap,
    catch_up: { mode: catchUp.mode, window: seconds(catchUp.window), max: catchUp.max },
    pause_on_failures: schedule.pauseOnFailures,
    paused: paused !== null,
    paused_by: paused?.by ?? null,
    paused_reason: paused?.why ?? null,
    description: schedule.description,
    in_words: words,
    origin: schedule.origin,
    created_at: schedule.createdAt / 1_000,
    created_by: schedule.createdBy,
    updated_at: schedule.updatedAt / 1_000,
    next_at: paused === null ? seconds(schedule.nextAt) : null,
    next_ticks: nextTicks.map((tickAt) => tickAt / 1_000),
    last_tick_at: seconds(schedule.lastTickAt),
    last_task_id: schedule.lastTaskId,
    buffered: schedule.buffered,
    runs: runs.map(({ tickAt, taskId: id, status }) => ({
      tick_at: tickAt / 1_000,
      task_id: id ?? '',
      status,
    })),
  }
}

export function tickBody({ tickAt, taskId: id, status, skipped }: Tick) {
  return { tick_at: tickAt / 1_000, task_id: id, status, skipped }
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1_000
}
