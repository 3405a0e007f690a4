import { useClock } from './ticks.ts'
import { durationWords } from './words.ts'

/** A duration that grows while the page is open: `seconds` at the time `asOf`. */
export function Elapsed({ seconds, asOf }: Readonly<{ seconds: number; asOf: number }>) {
  return <span>{useClock((now) => durationWords(seconds + Math.max(0, now - asOf)))}</span>
}
