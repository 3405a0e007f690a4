import { z } from 'zod'
import { parseDuration } from '../core/duration.ts'
import { clip } from '../core/text.ts'

/** Scalars of the wire: times, durations and ids in JSON and in queries. */

/** Ten years, in seconds. */
export const longest = 10 * 365 * 86_400

export const taskId = z.string().meta({
  description: 'Task id, as returned by the submit.',
  example: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
})

export const typeName = z.string().meta({ description: 'Name of a task type.', example: 'add' })

/** Unix seconds. */
export function time(description: string) {
  return z.number().meta({ description: `${description} Unix seconds.`, example: 1_764_000_000.125 })
}

export function seconds(description: string) {
  return z
    .number()
    .min(0)
    .meta({ description: `${description} Seconds.`, example: 1.5 })
}

/** A duration in a request: seconds, or a string with units. At most ten years. */
export function duration(description: string, example: number | string, least = 0) {
  const message = `must be seconds, or a string like "90s" or "1h30m", from ${least} to ten years`
  const fits = (value: number | string) => {
    const ms = parseDuration(value)
    return ms !== undefined && ms >= least * 1_000 && ms <= longest * 1_000
  }
  return z
    .union([z.number(), z.string().max(50)], message)
    .refine(fits, message)
    .meta({ description: `${description} Seconds, or a string with units: \`"90s"\`, \`"1h30m"\`.`, example })
}

/** A text that people see and stores index: without control characters, which not every store can hold. */
export function label(longest: number) {
  return z
    .string()
    .min(1)
    .max(longest)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters')
}

/** A number in a query: digits with an optional fraction, nothing else. */
export function queryNumber(least: number, most: number) {
  const message = `must be a number from ${least} to ${most}`
  const read = (text: unknown) =>
    typeof text === 'string' && /^\d{1,12}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN
  return z.preprocess(read, z.number(message).min(least, message).max(most, message))
}

/** A whole number in a query. */
export function queryWhole(least: number, most: number) {
  const message = `must be a whole number from ${least} to ${most}`
  const read = (text: unknown) =>
    typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  return z.preprocess(read, z.int(message).min(least, message).max(most, message))
}

/** Repeating a query key is the same as separating its values with commas. */
const joined = (given: unknown) => (Array.isArray(given) ? given.join(',') : given)

/** Comma-separated values in a query. */
export function queryList<T>(value: z.ZodType<T>) {
  const split = (text: string, context: z.RefinementCtx): T[] =>
    text.split(',').flatMap((part) => {
      const parsed = value.safeParse(part)
      if (parsed.success) return [parsed.data]
      context.addIssue({ code: 'custom', message: parsed.error.issues[0]?.message ?? 'is invalid' })
      return []
    })
  return z.preprocess(joined, z.string().max(10_000).transform(split))
}

/** Comma-separated names in a query, without duplicates. */
export function queryNames<Name extends string>(names: readonly Name[]) {
  const isName = (text: string): text is Name => (names as readonly string[]).includes(text)
  const split = (text: string, context: z.RefinementCtx): Name[] => {
    const given = [...new Set(text.split(','))]
    const unknown = given.filter((name) => !isName(name)).slice(0, 5)
    if (unknown.length > 0) {
      const quoted = unknown.map((name) => JSON.stringify(clip(name, 50))).join(', ')
      const message = `has unknown names: ${quoted}; choose from ${names.join(', ')}`
      context.addIssue({ code: 'custom', message })
    }
    return given.filter(isName)
  }
  return z.preprocess(joined, z.string().max(10_000).transform(split))
}
