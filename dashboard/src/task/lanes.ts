import type { Status, TimelineLine } from '../data/shapes.ts'

export const lanes = ['waiting', 'running', 'paused'] as const
export type Lane = (typeof lanes)[number]

/** A period in one status. Unix seconds. */
export type Stretch = Readonly<{
  lane: Lane
  status: Status
  from: number
  to: number
  /** Still in progress. */
  isOpen: boolean
}>

/** Undefined for a task that has ended. */
export const laneOf: Readonly<Partial<Record<Status, Lane>>> = {
  waiting: 'waiting',
  scheduled: 'waiting',
  queued: 'waiting',
  running: 'running',
  pausing: 'running',
  cancelling: 'running',
  paused: 'paused',
}

/**
 * The life of a task as periods, up to `now` if it has not finished. Timeline entries that are no longer kept leave a gap.
 */
export function stretchesOf(timeline: readonly TimelineLine[], now: number): Stretch[] {
  const stretches: Stretch[] = []
  for (const [index, line] of timeline.entries()) {
    const next = timeline[index + 1]
    const lane = laneOf[line.status]
    if (lane === undefined || (next !== undefined && next.version !== line.version + 1)) continue
    const stretch = {
      lane,
      status: line.status,
      from: line.at,
      to: next?.at ?? Math.max(now, line.at),
      isOpen: next === undefined,
    }
    const last = stretches.at(-1)
    if (last !== undefined && last.status === stretch.status && last.to === stretch.from) {
      stretches[stretches.length - 1] = { ...stretch, from: last.from }
    } else {
      stretches.push(stretch)
    }
  }
  return stretches
}

/** From the first entry to the end, or to now. */
export function extentOf(
  timeline: readonly TimelineLine[],
  now: number,
): Readonly<{ from: number; to: number }> {
  const from = timeline[0]?.at ?? now
  const last = timeline.at(-1)
  const to = last === undefined || laneOf[last.status] !== undefined ? now : last.at
  return { from, to: Math.max(to, from + 0.001) }
}

/** Round steps of a time axis in seconds, for about this many ticks. */
export function ticksOf(length: number, about = 5): number[] {
  const steps = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30]
  const minutes = [1, 2, 5, 10, 15, 30].map((count) => count * 60)
  const hours = [1, 2, 3, 6, 12].map((count) => count * 3_600)
  const all = [...steps, ...minutes, ...hours]
  const wanted = length / about
  const day = 86_400
  const step = all.find((size) => size >= wanted) ?? Math.ceil(wanted / day) * day
  return Array.from({ length: Math.floor(length / step + 1e-9) + 1 }, (_, index) => index * step)
}
