import type { ScheduleDetails, ScheduleDraft } from '../../../src/client/index.ts'
import { mask } from '../../../src/contract/sensitive.ts'
import type { Parameters } from '../submit/entries.ts'

/** The form as typed, except type and parameters. */
export type ScheduleEntries = Readonly<{
  id: string
  description: string
  timing: 'cron' | 'every'
  /** One expression per line. */
  cron: string
  every: string
  timezone: string
  overlap: ScheduleDetails['overlap']
  mode: ScheduleDetails['catch_up']['mode']
  window: string
  max: string
  pauseOnFailures: string
  /** `name=key`, one per line; without a key, all its tasks share one. */
  limits: string
  fairnessKey: string
  callbackUrl: string
}>

/** `timezone`: of the reader. */
export function newEntries(timezone: string): ScheduleEntries {
  return {
    id: '',
    description: '',
    timing: 'cron',
    cron: '0 9 * * 1-5',
    every: '15m',
    timezone,
    overlap: 'skip',
    mode: 'latest',
    window: '',
    max: '',
    pauseOnFailures: '',
    limits: '',
    fairnessKey: '',
    callbackUrl: '',
  }
}

export function entriesOfSchedule(schedule: ScheduleDetails): ScheduleEntries {
  const { catch_up: catchUp, pause_on_failures: failures, options } = schedule
  const {
    limits = {},
    fairness_key: fairnessKey = '',
    callback_url: callbackUrl = '',
  } = options as TaskOptions
  return {
    id: schedule.id,
    description: schedule.description ?? '',
    timing: schedule.cron === null ? 'every' : 'cron',
    cron: schedule.cron?.join('\n') ?? '',
    every: schedule.every === null ? '' : durationText(schedule.every),
    timezone: schedule.timezone,
    overlap: schedule.overlap,
    mode: catchUp.mode,
    window: catchUp.window === null ? '' : durationText(catchUp.window),
    max: String(catchUp.max),
    pauseOnFailures: failures === null ? '' : String(failures),
    limits: Object.entries(limits)
      .map(([name, key]) => (key === '' ? name : `${name}=${key}`))
      .join('\n'),
    fairnessKey,
    callbackUrl: hasHiddenCallback(schedule) ? '' : callbackUrl,
  }
}

/** Whether its callback is not shown to the caller. */
export function hasHiddenCallback({ options }: ScheduleDetails): boolean {
  return options['callback_url'] === mask
}

/** Paths of the server for which the form has an input. */
export const scheduleKeys = [
  'id',
  'description',
  'cron',
  'every',
  'timezone',
  'overlap',
  'catch_up.mode',
  'catch_up.window',
  'catch_up.max',
  'pause_on_failures',
  'limits',
  'fairness_key',
  'callback_url',
] as const

/** `kept`: the schedule that is replaced; what the form has no input for stays as it is. Empty entries are left to the server. */
export function draftOf(
  type: string,
  parameters: Parameters,
  entries: ScheduleEntries,
  kept?: ScheduleDetails,
): ScheduleDraft {
  const { timing, mode } = entries
  const [id, description, every, timezone, window, max, failures] = [
    entries.id,
    entries.description,
    entries.every,
    entries.timezone,
    entries.window,
    entries.max,
    entries.pauseOnFailures,
  ].map((text) => text.trim()) as [string, string, string, string, string, string, string]
  const cron = linesOf(entries.cron)
  return {
    type,
    parameters,
    overlap: entries.overlap,
    catch_up: {
      mode,
      ...(window === '' || mode === 'skip' ? {} : { window: durationOf(window) }),
      ...(max === '' || mode !== 'all' ? {} : { max: Number(max) }),
    },
    ...(id === '' ? {} : { id }),
    ...(description === '' ? {} : { description }),
    ...(timing === 'cron' && cron.length > 0 ? { cron } : {}),
    ...(timing === 'cron' && timezone !== '' ? { timezone } : {}),
    ...(timing === 'every' && every !== '' ? { every: durationOf(every) } : {}),
    ...(failures === '' ? {} : { pause_on_failures: Number(failures) }),
    ...(kept === undefined ? {} : keptOf(kept, timing)),
    ...withOptions(kept?.options ?? {}, entries),
  }
}

function keptOf(
  { jitter, offset, from, until, timezone }: ScheduleDetails,
  timing: 'cron' | 'every',
): Partial<ScheduleDraft> {
  return {
    jitter,
    ...(timing === 'every' ? { offset, timezone } : {}),
    ...(from === null ? {} : { from }),
    ...(until === null ? {} : { until }),
  }
}

type TaskOptions = NonNullable<ScheduleDraft['options']>

/** The options that the form has no inputs for, and those that it has. */
function withOptions(options: TaskOptions, entries: ScheduleEntries): Pick<ScheduleDraft, 'options'> {
  const limits = linesOf(entries.limits).map((line) => {
    const [name = '', ...key] = line.split('=')
    return [name.trim(), key.join('=').trim()] as const
  })
  const [fairnessKey, callbackUrl] = [entries.fairnessKey.trim(), entries.callbackUrl.trim()]
  const entered = new Set(['limits', 'fairness_key', 'callback_url'])
  const kept = Object.entries(options).filter(([name]) => !entered.has(name))
  const changed = {
    ...Object.fromEntries(kept),
    ...(limits.length === 0 ? {} : { limits: Object.fromEntries(limits) }),
    ...(fairnessKey === '' ? {} : { fairness_key: fairnessKey }),
    ...(callbackUrl === '' ? {} : { callback_url: callbackUrl }),
  }
  return Object.keys(changed).length === 0 ? {} : { options: changed }
}

function linesOf(text: string): string[] {
  return text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]))
}

const units = [
  ['h', 3_600],
  ['m', 60],
] as const

/** `90s`, `15m`, `2h`: as the server reads it. */
function durationText(seconds: number): string {
  const [unit, size] = units.find(([, length]) => seconds > 0 && seconds % length === 0) ?? ['s', 1]
  return `${seconds / size}${unit}`
}

/** A bare number means seconds; the server parses everything else. */
function durationOf(text: string): number | string {
  return Number.isNaN(Number(text)) ? text : Number(text)
}
