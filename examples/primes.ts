import { defineTask } from 'fermata-tasks'
import { z } from 'zod'

/** Computes, so it runs in a thread. It never awaits, and can still be paused, resumed and cancelled at any time. */
export const primes = defineTask({
  type: 'primes',
  description: 'Count the prime numbers in a range.',
  runs: 'thread',
  parameters: z.object({
    from: z.int().min(0).default(0).describe('First number'),
    to: z.int().min(0).max(1_000_000_000).describe('Last number'),
  }),
  example: { from: 0, to: 5_000_000 },
  state: z.object({ next: z.int(), found: z.int() }),
  run({ from, to }, task) {
    let { next, found } = task.state ?? { next: from, found: 0 }
    while (next <= to) {
      const end = Math.min(next + 10_000, to + 1)
      for (; next < end; next++) if (isPrime(next)) found++
      task.progressSync(next - from, to - from + 1, `${found} primes so far`)
      task.checkpointSync({ next, found })
    }
    return { primes: found, from, to }
  },
})

function isPrime(n: number): boolean {
  if (n < 2) return false
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false
  return true
}
