import type { Backoff } from './task.ts'

export const defaultBackoff: Backoff = { base: 1_000, factor: 2, max: 3_600_000, jitter: 0.2 }

/**
 * Milliseconds until the next attempt, or null if no attempts are left. `failures` includes this failure; `random` is in [0,
 * 1).
 */
export function retryDelay(
  policy: Backoff,
  failures: number,
  maxAttempts: number,
  random: number,
): number | null {
  if (failures >= maxAttempts) return null
  // Clamped before multiplying: zero times an infinite power would be NaN.
  const growth = Math.min(Number.MAX_VALUE, policy.factor ** (failures - 1))
  const full = Math.min(policy.max, policy.base * growth)
  return Math.round(full * (1 - policy.jitter * random))
}
