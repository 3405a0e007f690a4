import { readFile } from 'node:fs/promises'
import type { ScheduleDetails, ScheduleDraft, TickDetails } from '../../client/index.ts'
import { NumberInexact, parseExact } from '../../core/exact-json.ts'
import type { CatchUpMode, Overlap } from '../../core/schedule.ts'
import { UsageError } from '../exit.ts'
import { age, moment, plural } from '../format.ts'
import { textOf } from '../input.ts'
import type { Action } from '../perform.ts'
import type { Session } from '../session.ts'
import { finishWithoutOutput } from '../terminal/outputs.ts'
import { Table, type Column } from '../terminal/table.ts'
import { safe } from '../terminal/text.ts'
import type { Times } from '../values.ts'

type Options = Readonly<{
  id?: string
  parameters?: string
  timezone?: string
  every?: number
  offset?: number
  from?: Times
  until?: Times
  jitter?: number
  overlap?: Overlap
  catchUp?: CatchUpMode
  window?: number
  max?: number
  pauseOnFailures?: number
  paused?: boolean
  description?: string
  tag?: string[]
  priority?: number
  timeout?: number
  expiresIn?: number
  maxAttempts?: number
  limitKey?: Readonly<Record<string, string>>
  fairnessKey?: string
  callbackUrl?: string
  limit?: number
  reason?: string
  dryRun?: boolean
}>

export const scheduleActions = [
  'add',
  'list',
  'show',
  'ticks',
  'pause',
  'resume',
  'run',
  'backfill',
  'delete',
] as const
type ScheduleAction = (typeof scheduleActions)[number]

export const schedule: Action = async (session, command) => {
  const [name = '', ...words] = command.args
  const action = scheduleActions.find((one) => one === name)
  if (action === undefined)
    throw new UsageError(`unknown action ${name}: choose one of ${scheduleActions.join(', ')}`)
  finishWithoutOutput()
  await actions[action](session, words, command.opts<Options>())
}

const actions: Readonly<
  Record<ScheduleAction, (session: Session, words: readonly string[], options: Options) => Promise<void>>
> = {
  async add(session, words, options) {
    const draft = await draftOf(words, options)
    const { in_words: inWords, next_ticks: ticks } = await session.client.previewSchedule(draft)
    const zone = draft.timezone ?? 'UTC'
    await session.remark(safe`${inWords}${options.every === undefined ? safe` (${zone})` : ''}`.text)
    await session.remark(
      ticks.length === 0
        ? 'It never ticks.'
        : safe`Next: ${ticks
            .slice(0, 3)
            .map((tickAt) => inZone(tickAt, zone))
            .join(', ')}`.text,
    )
    if (options.dryRun === true) {
      if (session.json) await session.printJson({ in_words: inWords, next_ticks: ticks })
      return
    }
    const made = await session.client.createSchedule(draft)
    if (session.json) await session.printJson(made)
    else await session.out.print(safe`${made.id}`)
  },

  async list(session, words) {
    noneOf(words)
    const all: ScheduleDetails[] = []
    for (let cursor: string | undefined | null = undefined; cursor !== null;) {
      const page: Awaited<ReturnType<typeof session.client.listSchedules>> =
        await session.client.listSchedules(cursor === undefined ? { limit: 200 } : { limit: 200, cursor })
      all.push(...page.schedules)
      cursor = page.next_cursor
    }
    if (session.json) for (const one of all) await session.printJson(one)
    else if (session.quiet) for (const { id } of all) await session.out.print(safe`${id}`)
    else if (all.length === 0) await session.remark('No schedules. Create one with "fermata schedule add".')
    else {
      const table = new Table(session.out, columns(Date.now()), all)
      await session.out.print(table.head)
      for (const one of all) await session.out.print(table.line(one))
    }
  },

  async show(session, words) {
    await tell(session, await session.client.getSchedule(idOf(words, 'show')))
  },

  async ticks(session, words, { limit = 50 }) {
    const { ticks } = await session.client.listTicks(idOf(words, 'ticks'), { limit: Math.min(limit, 1_000) })
    if (session.json) for (const tick of ticks) await session.printJson(tick)
    else if (session.quiet)
      for (const { task_id: id } of ticks) await (id === null ? undefined : session.out.print(id))
    else if (ticks.length === 0) await session.remark('No ticks yet.')
    else {
      const table = new Table(session.out, tickColumns, ticks)
      await session.out.print(table.head)
      for (const tick of ticks) await session.out.print(table.line(tick))
    }
  },

  async pause(session, words, { reason }) {
    const options = reason === undefined ? {} : { reason }
    await done(session, await session.client.pauseSchedule(idOf(words, 'pause'), options), 'Paused')
  },

  async resume(session, words) {
    await done(session, await session.client.resumeSchedule(idOf(words, 'resume')), 'Resumed')
  },

  async run(session, words) {
    const ran = await session.client.runSchedule(idOf(words, 'run'))
    if (session.json) await session.printJson(ran)
    else await session.out.print(ran.task_id)
  },

  async backfill(session, words, { from, until, overlap }) {
    if (from === undefined) throw new UsageError('schedule backfill needs --from: a date, or 2d (ago)')
    const range = { from: from.ago, until: until?.ago ?? Math.floor(Date.now() / 1_000) - 1 }
    const id = idOf(words, 'backfill')
    const answer = await session.client.backfillSchedule(
      id,
      overlap === undefined ? range : { ...range, overlap },
    )
    if (session.json) await session.printJson(answer)
    else if (session.quiet) await session.out.print(answer.operation_id)
    else await session.out.print(safe`Added ${plural(answer.ticks, 'tick')} to ${id}.`)
  },

  async delete(session, words) {
    const id = idOf(words, 'delete')
    await session.client.deleteSchedule(id)
    if (session.quiet) await session.out.print(safe`${id}`)
    else if (!session.json) await session.out.print(safe`Deleted ${id}. Its tasks remain.`)
  },
}

/** `add CRON TYPE`, or `add TYPE --every DURATION`. */
async function draftOf(words: readonly string[], options: Options): Promise<ScheduleDraft> {
  const wanted = options.every === undefined ? 2 : 1
  if (words.length !== wanted) {
    throw new UsageError(
      options.every === undefined
        ? 'schedule add needs a cron expression in quotes and a type, or a type and --every'
        : 'schedule add with --every needs a type and nothing else',
    )
  }
  const [cron, type] = wanted === 2 ? words : [undefined, words[0]]
  const { id, timezone, every, offset, from, until, jitter, overlap, paused, description } = options
  const { pauseOnFailures, catchUp, window, max, tag, priority, timeout, expiresIn, maxAttempts } = options
  const given = (values: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
  const late = given({ mode: catchUp, window, max })
  const { limitKey: limits, fairnessKey: fairness_key, callbackUrl: callback_url } = options
  const ofTasks = given({
    tags: tag,
    priority,
    timeout,
    expires_in: expiresIn,
    max_attempts: maxAttempts,
    limits,
    fairness_key,
    callback_url,
  })
  return {
    type: type!,
    parameters: await parametersOf(options.parameters),
    ...given({ id, cron, timezone, every, offset, from: from?.ahead, until: until?.ahead }),
    ...given({ jitter, overlap, paused, description }),
    ...given({ pause_on_failures: pauseOnFailures }),
    ...(Object.keys(late).length === 0 ? {} : { catch_up: late }),
    ...(Object.keys(ofTasks).length === 0 ? {} : { options: ofTasks }),
  }
}

async function parametersOf(given: string | undefined): Promise<Record<string, unknown>> {
  if (given === undefined) return {}
  const isFile = given.startsWith('@')
  const source = isFile ? given.slice(1) : '--parameters'
  let text = given
  if (isFile) {
    const bytes = await readFile(source).catch((error: unknown) => {
      throw new UsageError(`cannot read ${source}: ${(error as Error).message}`)
    })
    text = textOf(bytes, source)
  }
  try {
    const value: unknown = parseExact(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>
  } catch (error) {
    if (error instanceof NumberInexact) throw new UsageError(`${source}: ${error.message}`)
    throw new UsageError(`${source} is not JSON: ${(error as Error).message}`)
  }
  throw new UsageError(`${source} must be a JSON object`)
}

function idOf(words: readonly string[], action: ScheduleAction): string {
  const [id, ...more] = words
  if (id === undefined || more.length > 0)
    throw new UsageError(`schedule ${action} needs the id of a schedule`)
  return id
}

function noneOf(words: readonly string[]): void {
  if (words.length > 0) throw new UsageError('schedule list takes no more words')
}

async function done(session: Session, one: ScheduleDetails, what: string): Promise<void> {
  if (session.json) await session.printJson(one)
  else if (session.quiet) await session.out.print(safe`${one.id}`)
  else await session.out.print(safe`${what} ${one.id}.`)
}

async function tell(session: Session, one: ScheduleDetails): Promise<void> {
  if (session.json) return session.printJson(one)
  if (session.quiet) return session.out.print(safe`${one.id}`)
  const state = one.paused
    ? safe`paused by ${one.paused_by ?? '?'}${one.paused_reason === null ? '' : safe`: ${one.paused_reason}`}`
    : 'active'
  const rows: [string, ReturnType<typeof safe> | string][] = [
    ['Schedule', safe`${one.id} (${state})`],
    ['Type', safe`${one.type} ${JSON.stringify(one.parameters)}`],
    [
      'Ticks',
      safe`${one.in_words}${one.cron === null ? '' : safe`: ${one.cron.join('; ')} (${one.timezone})`}`,
    ],
    ['Overlap', safe`${one.overlap}, catch-up ${one.catch_up.mode}, ${plural(one.buffered, 'tick')} waiting`],
    ...(one.description === null
      ? []
      : [['Description', safe`${one.description}`] as [string, ReturnType<typeof safe>]]),
  ]
  for (const [title, text] of rows) await session.out.print(safe`${title.padEnd(12)} ${text}`)
  for (const tickAt of one.next_ticks)
    await session.out.print(safe`${'Next'.padEnd(12)} ${inZone(tickAt, one.timezone)}`)
  for (const { tick_at: tickAt, task_id: id, status } of one.runs.slice(0, 5)) {
    await session.out.print(
      safe`${'Run'.padEnd(12)} ${inZone(tickAt, one.timezone)} ${status ?? 'unknown'} ${id}`,
    )
  }
}

/** In the time zone of the schedule. */
function inZone(unixSeconds: number, timeZone: string): string {
  const date = new Date(unixSeconds * 1_000)
  const parts = new Intl.DateTimeFormat('sv-SE', {
    timeZone,
    dateStyle: 'short',
    timeStyle: 'medium',
  }).format(date)
  const day = new Intl.DateTimeFormat('en-GB', { timeZone, weekday: 'short' }).format(date)
  return `${day} ${parts}`
}

function columns(now: number): readonly Column<ScheduleDetails>[] {
  return [
    { title: 'ID', text: ({ id }) => id, least: 8 },
    { title: 'TYPE', text: ({ type }) => type, least: 6 },
    { title: 'TICKS', text: ({ in_words: words }) => words, least: 12, yields: 2 },
    {
      title: 'NEXT',
      text: ({ paused, next_at: at }) => (paused ? 'paused' : at === null ? 'never' : age(at, now)),
      side: 'right',
    },
    {
      title: 'LAST RUNS',
      text: ({ runs }) =>
        runs
          .slice(0, 5)
          .map(({ status }) => (status === null ? '?' : marks[status]))
          .join(''),
      yields: 4,
    },
  ]
}

/** Newest first: completed, failed, cancelled, and what has not ended. */
const marks = {
  completed: '+',
  failed: '!',
  cancelled: '-',
  waiting: '.',
  scheduled: '.',
  queued: '.',
  running: '>',
  pausing: '>',
  paused: '=',
  cancelling: '>',
} as const

const tickColumns: readonly Column<TickDetails>[] = [
  { title: 'TICK', text: ({ tick_at: at }) => moment(at) },
  {
    title: 'STATUS',
    text: ({ status, skipped, task_id: id }) =>
      status ?? (skipped === null ? (id === null ? 'waiting' : 'unknown') : `skipped: ${skipped}`),
  },
  { title: 'TASK', text: ({ task_id: id }) => id ?? '', yields: 2 },
]
