import type { Progress } from '../data/shapes.ts'
import { countWords, durationWords, rateWords } from '../time/words.ts'

/** `35% · Working on step 4 of 20`; only a count if the total is unknown; undefined before the first report. */
export function progressWords(progress: Progress | null): string | undefined {
  if (progress === null) return undefined
  const { ratio, current, total, message } = progress
  const share = ratio === null ? countWords(current) : `${Math.floor(ratio * 100)}%`
  const detail = message ?? (total === null ? null : `${countWords(current)} of ${countWords(total)}`)
  return detail === null || detail === '' ? share : `${share} · ${detail}`
}

/** `2.5/s · 8 s left`; empty if neither is known. */
export function paceWords(progress: Progress | null): string {
  if (progress === null) return ''
  const { rate, eta_seconds: eta } = progress
  const parts = [
    ...(rate === null ? [] : [rateWords(rate)]),
    ...(eta === null ? [] : [`${durationWords(eta)} left`]),
  ]
  return parts.join(' · ')
}
