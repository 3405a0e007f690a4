import type { TaskFamily, TaskWait } from '../../../src/client/index.ts'
import type { Status, TaskStep, TimelineLine } from '../data/shapes.ts'
import { extentOf } from './lanes.ts'

/** What a task did or waited for, on its time axis. Unix seconds. */
export type Bar = Readonly<{
  from: number
  to: number
  /** Still in progress. */
  isOpen: boolean
  /** Its color. */
  status: Status
}> &
  (
    | Readonly<{ kind: 'step'; step: TaskStep }>
    | Readonly<{ kind: 'sleep' }>
    | Readonly<{ kind: 'wait'; wait: TaskWait }>
    | Readonly<{ kind: 'child'; child: Child }>
  )

type Child = TaskFamily['children']['tasks'][number]

type Life = Readonly<{
  timeline: readonly TimelineLine[]
  steps: readonly TaskStep[]
  waits: readonly TaskWait[]
  children: readonly Child[]
}>

/** The steps, sleeps, waits and children of a task in the order of their starts, and the ends of their axis. */
export function waterfallOf(
  { timeline, steps, waits, children }: Life,
  now: number,
): Readonly<{ bars: readonly Bar[]; from: number; to: number }> {
  const life = extentOf(timeline, now)
  const bars = [
    ...steps.map((step): Bar => ({
      kind: 'step',
      step,
      status: step.status,
      ...between(step.started_at, step.finished_at, now),
    })),
    ...sleepsOf(timeline, now),
    ...waits.map((wait): Bar => ({
      kind: 'wait',
      wait,
      status: waitColours[wait.status],
      ...between(wait.created_at, endOfWait(wait, life.to), now),
    })),
    ...children.map((child): Bar => ({
      kind: 'child',
      child,
      status: child.status,
      ...between(child.created_at, child.completed_at, now),
    })),
  ].toSorted((a, b) => a.from - b.from)
  return {
    bars,
    // The first entries of a timeline may no longer be kept, and a child may outlive its parent.
    from: Math.min(life.from, bars[0]?.from ?? life.from),
    to: bars.reduce((latest, { to }) => Math.max(latest, to), life.to),
  }
}

const waitColours: Readonly<Record<TaskWait['status'], Status>> = {
  open: 'waiting',
  early: 'completed',
  answered: 'completed',
  timed_out: 'cancelled',
  ended: 'cancelled',
}

/** Null while it is open. */
function endOfWait(
  { status, answered_at: answered, expires_at: expires }: TaskWait,
  end: number,
): number | null {
  if (status === 'open') return null
  return answered ?? (status === 'timed_out' ? (expires ?? end) : end)
}

/** From each entry that begins a sleep to the one that ends it. Entries that are no longer kept leave none. */
function sleepsOf(timeline: readonly TimelineLine[], now: number): Bar[] {
  return timeline.flatMap((line, index): Bar[] => {
    if (line.event !== 'sleep_started') return []
    const end = timeline.slice(index + 1).find(({ status }) => status !== 'waiting')
    return [{ kind: 'sleep', status: 'waiting', ...between(line.at, end?.at ?? null, now) }]
  })
}

function between(from: number, to: number | null, now: number): Pick<Bar, 'from' | 'to' | 'isOpen'> {
  return { from, to: Math.max(from, to ?? now), isOpen: to === null }
}
