import type { Run, Status } from '../data/shapes.ts'
import { laneOf, type Lane } from '../task/lanes.ts'

export type RunChange = Run['changes'][number]

/** A period of a run. Times are Unix seconds. */
export type Span = Readonly<{
  kind: Lane
  /** How running ended; `running` if it has not, or went on after a pause. */
  outcome: 'running' | 'completed' | 'failed' | 'cancelled'
  from: number
  to: number
  attempt: number
}>

/** What the task did, up to `now` if it has not ended. Changes that are no longer known leave a gap. */
export function spansOf({ changes }: Run, now: number): Span[] {
  const spans: Span[] = []
  for (const [index, { version, at, status, attempt }] of changes.entries()) {
    const next = changes[index + 1]
    const kind = laneOf[status]
    if (kind === undefined || (next !== undefined && next.version !== version + 1)) continue
    const outcome = kind === 'running' && next !== undefined ? outcomeOf(next) : 'running'
    const span = { kind, outcome, from: at, to: next?.at ?? Math.max(now, at), attempt }
    const last = spans.at(-1)
    const continues =
      last?.kind === kind && last.to === at && (kind === 'waiting' || last.attempt === attempt)
    if (continues) spans[spans.length - 1] = { ...span, from: last.from }
    else spans.push(span)
  }
  return spans
}

export function startOf({ changes }: Run): number {
  return changes[0]?.at ?? 0
}

/** Its end, or now. */
export function endOf({ changes }: Run, now: number): number {
  const last = changes.at(-1)
  return last === undefined || laneOf[last.status] !== undefined ? Math.max(now, last?.at ?? 0) : last.at
}

export function statusOf({ changes }: Run): Status {
  return changes.at(-1)?.status ?? 'queued'
}

/** A release for a drain or an urgent task is no failure. */
function outcomeOf({ event, status }: RunChange): Span['outcome'] {
  if (status === 'completed' || status === 'failed' || status === 'cancelled') return status
  return event === 'retry_scheduled' || event === 'lost' ? 'failed' : 'running'
}
