import type { Progress, Status } from '../data/shapes.ts'
import { say } from '../language/say.ts'
import { countWords, durationWords, rateWords } from '../time/words.ts'

/** `35% · Working on step 4 of 20`; only a count if the total is unknown; undefined before the first report. */
export function progressWords(progress: Progress | null): string | undefined {
  if (progress === null) return undefined
  const { ratio, current, total, message } = progress
  const share = ratio === null ? countWords(current) : `${Math.floor(ratio * 100)}%`
  const detail = message ?? (total === null ? null : say.common.of(countWords(current), countWords(total)))
  return detail === null || detail === '' ? share : `${share} · ${detail}`
}

/** The progress to show: a completed task is done, even if its last report was earlier. */
export function shownProgress({
  status,
  progress,
}: Readonly<{ status: Status; progress: Progress | null }>): Progress | null {
  if (progress === null || status !== 'completed' || progress.ratio === 1) return progress
  return { ...progress, ratio: 1, message: '', rate: null, eta_seconds: null }
}

/** `2.5/s · 8 s left`; empty if neither is known. */
export function paceWords(progress: Progress | null): string {
  if (progress === null) return ''
  const { rate, eta_seconds: eta } = progress
  const parts = [
    ...(rate === null ? [] : [rateWords(rate)]),
    ...(eta === null ? [] : [say.common.left(durationWords(eta))]),
  ]
  return parts.join(' · ')
}
