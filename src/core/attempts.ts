import type { EventName } from './lifecycle.ts'
import type { EndedBy, ErrorRecord, Status, TimelineEntry } from './task.ts'

/** One attempt, derived from the timeline; times in Unix milliseconds. */
export type Attempt = Readonly<{
  attempt: number
  /** Time of its first claim; null if that entry is no longer kept. */
  startedAt: number | null
  /** Null while it is open: running, or paused with its retries untouched. */
  endedAt: number | null
  /** The move that ended it, and the resulting status of the task. */
  event: string | null
  status: Status | null
  error: ErrorRecord | null
  endedBy: EndedBy | null
}>

/** Events after which the next claim starts a new attempt. */
const endings: ReadonlySet<string> = new Set<EventName>([
  'completed',
  'failed',
  'cancelled',
  'retry_scheduled',
  'lost',
])

/** The attempts of a task, oldest first. Events between two attempts belong to neither. */
export function attemptsOf(timeline: readonly TimelineEntry[]): Attempt[] {
  const attempts = new Map<number, Attempt>()
  for (const entry of timeline) {
    if (entry.attempt === 0) continue
    const known = attempts.get(entry.attempt) ?? begun(entry)
    attempts.set(
      entry.attempt,
      known.endedAt === null && endings.has(entry.event) ? ended(known, entry) : known,
    )
  }
  return [...attempts.values()]
}

function begun(entry: TimelineEntry): Attempt {
  return {
    attempt: entry.attempt,
    startedAt: entry.event === 'claimed' ? entry.at : null,
    endedAt: null,
    event: null,
    status: null,
    error: null,
    endedBy: null,
  }
}

function ended(attempt: Attempt, entry: TimelineEntry): Attempt {
  return {
    ...attempt,
    endedAt: entry.at,
    event: entry.event,
    status: entry.status,
    error: entry.error ?? null,
    endedBy: entry.endedBy ?? null,
  }
}
