const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

/** Milliseconds, about 30,000 years, so that any time computed with a duration is a valid date. */
const longest = 1e15

/**
 * Whole milliseconds of a duration: a number means seconds; text is one or more numbers with units: `250ms`, `1h30m`.
 * Undefined if it is not a duration, or longer than 1e12 seconds.
 */
export function parseDuration(value: number | string): number | undefined {
  if (typeof value === 'number') return bounded(value * 1_000)
  const text = value.trim()
  if (/^\d+(\.\d+)?$/.test(text)) return bounded(Number(text) * 1_000)
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d|w))+$/.test(text)) return undefined
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g)) {
    total += Number(amount) * units[unit as keyof typeof units]
  }
  return bounded(total)
}

function bounded(ms: number): number | undefined {
  return ms >= 0 && ms <= longest ? Math.round(ms) : undefined
}
