import type { SubmitOptions } from '../../../src/client/index.ts'
import { say } from '../language/say.ts'
import { localInput, timeOfInput } from '../time/input.ts'
import type { Faults } from './entries.ts'

/** The options in the form, as typed. */
export type OptionEntries = Readonly<{
  priority: string
  /** Comma-separated. */
  tags: string
  delay: string
  /** Date and time in the reader's time zone. */
  run_at: string
  expires_in: string
  timeout: string
  max_attempts: string
  idempotency_key: string
  /** A unique key. */
  unique: string
  /** Ids of tasks, separated by commas or spaces. */
  after: string
}>

export const noOptions: OptionEntries = {
  priority: '',
  tags: '',
  delay: '',
  run_at: '',
  expires_in: '',
  timeout: '',
  max_attempts: '',
  idempotency_key: '',
  unique: '',
  after: '',
}

/** The options for these entries; empty ones are left to the server. */
export function optionsOf(entries: OptionEntries): Readonly<{ options: SubmitOptions; faults: Faults }> {
  const given = Object.fromEntries(
    Object.entries(entries).map(([name, text]) => [name, text.trim()] as const),
  ) as OptionEntries
  const faults: Record<string, string> = {}
  const number = (name: 'priority' | 'max_attempts') => {
    if (given[name] === '') return undefined
    const value = Number(given[name])
    if (Number.isNaN(value)) faults[name] = say.common.mustBeANumber
    return value
  }
  const tags = given.tags.split(',').flatMap((tag) => (tag.trim() === '' ? [] : [tag.trim()]))
  const after = given.after.split(/[\s,]+/).filter((id) => id !== '')
  const { delay, expires_in: expires, timeout, idempotency_key: key } = given
  const options = {
    priority: number('priority'),
    max_attempts: number('max_attempts'),
    tags: tags.length === 0 ? undefined : tags,
    delay: delay === '' ? undefined : durationOf(delay),
    run_at: timeOfInput(given.run_at) ?? undefined,
    expires_in: expires === '' ? undefined : durationOf(expires),
    timeout: timeout === '' ? undefined : durationOf(timeout),
    idempotency_key: key === '' ? undefined : key,
    after: after.length === 0 ? undefined : after,
    unique: given.unique === '' ? undefined : { key: given.unique },
  }
  const set = Object.entries(options).filter(([, value]) => value !== undefined)
  return { options: Object.fromEntries(set), faults }
}

/** The options of a task that is run again, without its keys, which would return the task itself. */
export function entriesOfTask(
  task: Readonly<{
    priority: number
    tags: readonly string[]
    timeout: number | null
    run_at: number | null
  }>,
): OptionEntries {
  return {
    ...noOptions,
    priority: task.priority === 0 ? '' : String(task.priority),
    tags: task.tags.join(', '),
    run_at: task.run_at === null || task.run_at * 1_000 < Date.now() ? '' : localInput(task.run_at),
    timeout: task.timeout === null ? '' : `${task.timeout}`,
  }
}

/** A bare number means seconds; the server parses everything else. */
function durationOf(text: string): number | string {
  return Number.isNaN(Number(text)) ? text : Number(text)
}
