import type { Wait, WaitStatus } from '../core/wait.ts'

/** How the SQL stores write waits: the columns after the number and the row. */
export const waitColumns = [
  { name: 'name', type: 'text' },
  { name: 'occurrence', type: 'int' },
  { name: 'status', type: 'text' },
  { name: 'token_hash', type: 'text' },
  { name: 'body', type: 'text' },
  { name: 'created_at', type: 'bigint' },
  { name: 'timeout', type: 'bigint' },
  { name: 'expires_at', type: 'bigint' },
  { name: 'answered_at', type: 'bigint' },
  { name: 'answered_by', type: 'text' },
  { name: 'answer', type: 'text' },
] as const

export const waitNames = waitColumns.map(({ name }) => name).join(', ')

type Text = (text: string) => string

const unchanged: Text = (text) => text

export function waitValues(wait: Wait, encode: Text = unchanged): (string | number | null)[] {
  const text = (value: string | null) => (value === null ? null : encode(value))
  const time = (value: number | null) => (value === null ? null : Math.round(value))
  return [
    encode(wait.name),
    wait.occurrence,
    wait.status,
    wait.tokenHash,
    text(wait.question),
    Math.round(wait.createdAt),
    time(wait.timeout),
    time(wait.expiresAt),
    time(wait.answeredAt),
    text(wait.answeredBy),
    text(wait.answer),
  ]
}

/** From the columns. */
export function waitOf(row: readonly unknown[], decode: Text = unchanged): Wait {
  const [name, occurrence, status, tokenHash, body, createdAt, timeout, expiresAt, answeredAt, by, answer] =
    row
  const text = (value: unknown) => (value == null ? null : decode(value as string))
  const number = (value: unknown) => (value == null ? null : Number(value))
  return {
    name: decode(name as string),
    occurrence: Number(occurrence),
    status: status as WaitStatus,
    tokenHash: tokenHash as string | null,
    question: text(body),
    createdAt: Number(createdAt),
    timeout: number(timeout),
    expiresAt: number(expiresAt),
    answeredAt: number(answeredAt),
    answeredBy: text(by),
    answer: text(answer),
  }
}
