import { useClock } from './ticks.ts'
import { exactWords, relativeWords } from './words.ts'

/** A relative time, with the exact time in the reader's time zone on hover. */
export function Time({ at }: Readonly<{ at: number }>) {
  const words = useClock((now) => relativeWords(at, now))
  return (
    <time dateTime={new Date(at * 1_000).toISOString()} title={exactWords(at)}>
      {words}
    </time>
  )
}
