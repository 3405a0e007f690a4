import type { ScheduleDetails, ScheduleDraft } from '../../../src/client/index.ts'
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
  }
}

export function entriesOfSchedule(schedule: ScheduleDetails): ScheduleEntries {
  const { catch_up: catchUp, pause_on_failures: failures } = schedule
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
  }
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
  const cron = entries.cron.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]))
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
  }
}

function keptOf(
  { options, jitter, offset, from, until, timezone }: ScheduleDetails,
  timing: 'cron' | 'every',
): Partial<ScheduleDraft> {
  return {
    options,
    jitter,
    ...(timing === 'every' ? { offset, timezone } : {}),
    ...(from === null ? {} : { from }),
    ...(until === null ? {} : { until }),
  }
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
