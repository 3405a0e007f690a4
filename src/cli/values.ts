import { InvalidArgumentError } from 'commander'
import type { Scope, Status } from '../client/index.ts'
import { auditActions, type AuditAction } from '../core/audit.ts'
import { scopes } from '../core/caller.ts'
import { parseRateLimit, type RateLimit } from '../core/rate-limit.ts'
import { statuses } from './looks.ts'

/** Parsers for flag values; errors name the remedy. */

const units = { ms: 0.001, s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 } as const

/** Seconds. */
export function seconds(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g)]
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text)
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    throw new InvalidArgumentError('It must be seconds, or a duration like 90s, 10m or 1h30m.')
  }
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * units[unit as keyof typeof units], 0)
}

/** Unix seconds of a time: a date, Unix seconds, or a duration from now or ago. */
export function time(direction: 'ago' | 'ahead') {
  return (text: string): number => {
    const now = Date.now() / 1_000
    if (/^\d{9,11}(\.\d+)?$/.test(text)) return Number(text)
    if (/^\d+(\.\d+)?[a-z]/.test(text)) return direction === 'ago' ? now - seconds(text) : now + seconds(text)
    const date = Date.parse(text)
    if (Number.isNaN(date) || !/^\d{4}-/.test(text)) {
      const like = direction === 'ago' ? '2h (ago)' : '2h (from now)'
      throw new InvalidArgumentError(`It must be like ${like}, 2026-01-31, 2026-01-31T12:00 or Unix seconds.`)
    }
    return date / 1_000
  }
}

export type Times = Readonly<{ ago: number; ahead: number }>

/** For a flag whose durations mean the past in one use and the future in another. */
export function times(text: string): Times {
  return { ago: time('ago')(text), ahead: time('ahead')(text) }
}

export function whole(least: number, most: number) {
  return (text: string): number => {
    const value = Number(text)
    if (!/^-?\d{1,15}$/.test(text) || value < least || value > most) {
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
    }
    return value
  }
}

/** How often tasks start: a number and a time in seconds, from `100/1m`. */
export function startRate(text: string): Readonly<{ limit: number; per: number }> {
  const [, digits, time] = /^(\d{1,7})\/(.+)$/.exec(text) ?? []
  if (digits === undefined || time === undefined || Number(digits) < 1)
    throw new InvalidArgumentError('It must be a number and a time, like 100/1m.')
  return { limit: Number(digits), per: seconds(/^[a-z]/.test(time) ? `1${time}` : time) }
}

/** Keys under limits: `NAME=KEY`, repeatable. */
export function limitKey(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const equals = text.indexOf('=')
  if (equals < 1) throw new InvalidArgumentError('It must be NAME=KEY, like mail-api=acme.')
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) }
}

/** Comma-separated, or the flag repeated. */
export function statusList(text: string, before: readonly Status[] = []): Status[] {
  const given = text.split(',')
  const unknown = given.find((name) => !(statuses as string[]).includes(name))
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`Unknown status ${unknown}: choose from ${statuses.join(', ')}.`)
  }
  return [...before, ...(given as Status[])]
}

export function names(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(',').filter((name) => name !== '')]
}

export function each(text: string, before: readonly string[] = []): string[] {
  return [...before, text]
}

/** An action of the audit log. */
export function auditAction(text: string): AuditAction {
  const found = auditActions.find((one) => one === text)
  if (found === undefined) throw new InvalidArgumentError(`It must be one of ${auditActions.join(', ')}.`)
  return found
}

/** Collects scopes of a key. */
export function scope(text: string, before: readonly Scope[] | undefined): Scope[] {
  const found = scopes.find((one) => one === text)
  if (found === undefined) throw new InvalidArgumentError(`It must be one of ${scopes.join(', ')}.`)
  return [...(before ?? []), found]
}

/** A rate limit of a key. */
export function rateLimit(text: string): RateLimit {
  const limit = parseRateLimit(text)
  if (limit === undefined) {
    throw new InvalidArgumentError('It must be a number and a time from 1s to 1d, like 100/1m.')
  }
  return limit
}
