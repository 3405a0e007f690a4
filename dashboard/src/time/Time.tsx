import { useClock } from './ticks.ts'
import { exactWords, relativeWords } from './words.ts'

/** How long ago, or in how long; the exact time in the reader's zone on hover. */
export function Time({ at }: Readonly<{ at: number }>) {
  const words = useClock((now) => relativeWords(at, now))
  return (
    <time dateTime={new Date(at * 1_000).toISOString()} title={exactWords(at)}>
      {words}
    </time>
  )
}
