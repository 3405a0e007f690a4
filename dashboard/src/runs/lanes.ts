import type { Run } from '../data/shapes.ts'
import { endOf, startOf } from './spans.ts'

/** Ends of the time axis, in Unix seconds. */
export type View = Readonly<{ from: number; to: number }>

/** The runs of a type, in rows in which none overlaps another. Pixels. */
export type Lane = Readonly<{
  /** Null for the types without a lane of their own. */
  type: string | null
  rows: readonly (readonly Run[])[]
  count: number
  top: number
  height: number
  rowHeight: number
}>

/** Space for the name of a lane. */
export const nameHeight = 22
const gap = 8
/** Types with a lane of their own: those with most runs. */
const mostLanes = 12
const mostRows = 150

/** Lanes of the runs in view, by name, from top to bottom. */
export function lanesOf(runs: Iterable<Run>, { from, to }: View, now: number): Lane[] {
  const byType = new Map<string, Run[]>()
  for (const run of runs) {
    if (startOf(run) > to || endOf(run, now) < from) continue
    const known = byType.get(run.task_type)
    if (known === undefined) byType.set(run.task_type, [run])
    else known.push(run)
  }
  const types = [...byType].toSorted((a, b) => b[1].length - a[1].length)
  const own = types.slice(0, types.length > mostLanes ? mostLanes - 1 : mostLanes)
  const others = types.slice(own.length).flatMap(([, of]) => of)
  const groups: (readonly [string | null, Run[]])[] = own.toSorted(([a], [b]) => (a < b ? -1 : 1))
  if (others.length > 0) groups.push([null, others])
  let top = 0
  return groups.map(([type, of]) => {
    const rows = packed(of, now)
    const rowHeight = rows.length <= 4 ? 13 : rows.length <= 8 ? 9 : Math.max(0.8, 78 / rows.length)
    const height = nameHeight + Math.ceil(rows.length * rowHeight) + gap
    const lane = { type, rows, count: of.length, top, height, rowHeight }
    top += height
    return lane
  })
}

export function heightOf(lanes: readonly Lane[]): number {
  const last = lanes.at(-1)
  return last === undefined ? 0 : last.top + last.height
}

/** The run at this place, or a neighbor of up to a few pixels, since rows and runs can be thinner than one. */
export function runAt(
  lanes: readonly Lane[],
  { x, y, near }: Readonly<{ x: number; y: number; near: number }>,
  now: number,
): Run | undefined {
  const lane = lanes.find(({ top, height }) => y >= top && y < top + height)
  if (lane === undefined) return undefined
  const row = (y - lane.top - nameHeight) / lane.rowHeight
  const reach = Math.ceil(3 / lane.rowHeight)
  let best: { run: Run; distance: number } | undefined
  for (let index = Math.floor(row) - reach; index <= Math.floor(row) + reach; index++) {
    for (const run of lane.rows[index] ?? []) {
      const aside = Math.max(0, startOf(run) - x, x - endOf(run, now))
      if (aside > near) continue
      const distance = aside / near + Math.abs(index + 0.5 - row)
      if (best === undefined || distance < best.distance) best = { run, distance }
    }
  }
  return best?.run
}

/** Each in the first row that is free. */
function packed(runs: readonly Run[], now: number): Run[][] {
  const rows: Run[][] = []
  const free: number[] = []
  for (const run of runs.toSorted((a, b) => startOf(a) - startOf(b))) {
    const start = startOf(run)
    let row = free.findIndex((at) => at <= start)
    if (row === -1) row = rows.length < mostRows ? rows.length : earliest(free)
    if (rows[row] === undefined) rows[row] = []
    rows[row]!.push(run)
    free[row] = Math.max(free[row] ?? 0, endOf(run, now))
  }
  return rows
}

function earliest(free: readonly number[]): number {
  let best = 0
  for (const [index, at] of free.entries()) if (at < free[best]!) best = index
  return best
}
