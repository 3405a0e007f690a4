import type { StepRecord, StepStatus } from '../core/step.ts'
import type { ErrorRecord } from '../core/task.ts'
import type { NumberedStep } from './store.ts'

/** How the SQL stores write steps: the columns after the row and the number. */
export const stepColumns = [
  { name: 'name', type: 'text' },
  { name: 'occurrence', type: 'int' },
  { name: 'status', type: 'text' },
  { name: 'attempts', type: 'int' },
  { name: 'started_at', type: 'bigint' },
  { name: 'finished_at', type: 'bigint' },
  { name: 'error', type: 'text' },
  { name: 'body', type: 'text' },
] as const

export const stepNames = stepColumns.map(({ name }) => name).join(', ')

type Text = (text: string) => string

const unchanged: Text = (text) => text

export function stepValues(step: StepRecord, encode: Text = unchanged): (string | number | null)[] {
  const { name, occurrence, status, attempts, startedAt, finishedAt, error, result } = step
  return [
    encode(name),
    occurrence,
    status,
    attempts,
    Math.round(startedAt),
    Math.round(finishedAt),
    error === null ? null : JSON.stringify(error),
    result === null ? null : encode(result),
  ]
}

/** From the number and the columns. */
export function stepOf(row: readonly unknown[], decode: Text = unchanged): NumberedStep {
  const [number, name, occurrence, status, attempts, startedAt, finishedAt, error, body] = row
  return {
    number: Number(number),
    name: decode(name as string),
    occurrence: Number(occurrence),
    status: status as StepStatus,
    attempts: Number(attempts),
    startedAt: Number(startedAt),
    finishedAt: Number(finishedAt),
    result: body === null ? null : decode(body as string),
    error: error === null ? null : (JSON.parse(error as string) as ErrorRecord),
  }
}
