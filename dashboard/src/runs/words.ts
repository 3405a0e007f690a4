import type { Run } from '../data/shapes.ts'
import { statusName } from '../data/statuses.ts'
import { say } from '../language/say.ts'
import { durationWords, exactDay, minuteWords } from '../time/words.ts'
import type { View } from './lanes.ts'
import { spansOf, startOf, statusOf } from './spans.ts'

/** How long a run waited, ran and was paused, and how often it was tried. */
export function runWords(run: Run, now: number): string {
  const spent = { waiting: 0, running: 0, paused: 0 }
  for (const { kind, from, to } of spansOf(run, now)) spent[kind] += to - from
  const attempts = run.changes.at(-1)?.attempt ?? 0
  return [
    say.runs.from(minuteWords(Math.floor(startOf(run)))),
    ...(spent.waiting >= 0.001 ? [say.runs.waited(durationWords(spent.waiting))] : []),
    ...(spent.running > 0 ? [say.runs.ran(durationWords(spent.running))] : []),
    ...(spent.paused > 0 ? [say.runs.paused(durationWords(spent.paused))] : []),
    ...(attempts > 1 ? [say.runs.attempts(attempts)] : []),
  ].join(', ')
}

/** A run for those who do not see it. */
export function spokenWords(run: Run, now: number): string {
  return say.runs.spoken(run.task_type, run.task_id.slice(-8), statusName(statusOf(run)), runWords(run, now))
}

export function viewWords({ from, to }: View): string {
  return to - from >= 86_400
    ? `${exactDay(from)} – ${exactDay(to)}`
    : `${minuteWords(Math.floor(from))} – ${minuteWords(Math.floor(to))}`
}
