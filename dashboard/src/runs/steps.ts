import type { Run } from '../data/shapes.ts'
import type { Lane } from './lanes.ts'
import { endOf, startOf } from './spans.ts'

export type Direction = 'before' | 'after' | 'above' | 'below' | 'first' | 'last'

/** The run to which a key leads: along the time of a lane, or to the nearest one of the next lane. */
export function neighborOf(
  lanes: readonly Lane[],
  id: string | null,
  direction: Direction,
  now: number,
): Run | undefined {
  const inOrder = lanes.map(({ rows }) => rows.flat().toSorted((a, b) => startOf(a) - startOf(b)))
  const lane = inOrder.findIndex((runs) => runs.some(({ task_id: other }) => other === id))
  // Without one, the latest.
  if (lane === -1) return inOrder[0]?.at(direction === 'first' ? 0 : -1)
  const runs = inOrder[lane]!
  const index = runs.findIndex(({ task_id: other }) => other === id)
  const from = runs[index]!
  if (direction === 'first') return runs[0]
  if (direction === 'last') return runs.at(-1)
  if (direction === 'before') return runs[Math.max(0, index - 1)]
  if (direction === 'after') return runs[Math.min(runs.length - 1, index + 1)]
  const middle = (startOf(from) + endOf(from, now)) / 2
  const other = inOrder[lane + (direction === 'above' ? -1 : 1)] ?? runs
  return other.toSorted((a, b) => distance(a, middle, now) - distance(b, middle, now))[0]
}

function distance(run: Run, at: number, now: number): number {
  return Math.max(0, startOf(run) - at, at - endOf(run, now))
}
