import { z } from 'zod'
import { defineTask } from '../define.ts'

/** F(n) and F(n + 1) as decimal text, where n consists of the leading `bits` bits of the wanted index. */
const state = z.object({ bits: z.int().nonnegative(), f: z.string(), next: z.string() })

export const fib = defineTask({
  type: 'fib',
  description:
    'Compute the Fibonacci number F(n) by fast doubling. Above 2^53 - 1 the result is a decimal string, so no digits are lost.',
  parameters: z.object({ n: z.int().min(0).max(1_000_000).describe('Index of the Fibonacci number') }),
  example: { n: 10 },
  state,
  runs: 'thread',
  module: import.meta.url,
  async run({ n }, task) {
    const bits = n === 0 ? '' : n.toString(2)
    let f = 0n
    let next = 1n
    let done = 0
    if (task.state !== undefined) {
      f = BigInt(task.state.f)
      next = BigInt(task.state.next)
      done = task.state.bits
    }
    task.progress(indexAfter(bits, done), n)
    for (; done < bits.length;) {
      const even = f * (2n * next - f)
      const odd = f * f + next * next
      if (bits[done] === '1') {
        f = odd
        next = even + odd
      } else {
        f = even
        next = odd
      }
      done++
      task.progress(indexAfter(bits, done), n)
      // Converting large numbers to text costs more than the doubling itself, so only small ones are stored.
      const small = done < bits.length && done <= 13
      await task.checkpoint(small ? { bits: done, f: f.toString(), next: next.toString() } : undefined)
    }
    return f <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(f) : f.toString()
  },
})

/** The index formed by the first `count` bits. */
function indexAfter(bits: string, count: number): number {
  return count === 0 ? 0 : Number.parseInt(bits.slice(0, count), 2)
}
