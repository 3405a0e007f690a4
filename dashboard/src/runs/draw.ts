import type { Run } from '../data/shapes.ts'
import { nameHeight, type Lane, type View } from './lanes.ts'
import { spansOf, type Span } from './spans.ts'

/** Colors as a canvas needs them. */
export type Palette = Readonly<{
  line: string
  surface: string
  waiting: string
  paused: string
  outcomes: Readonly<Record<Span['outcome'], string>>
}>

export type Picture = Readonly<{
  lanes: readonly Lane[]
  view: View
  now: number
  width: number
  height: number
  ticks: readonly number[]
  palette: Palette
  /** Pixels of the screen per pixel. */
  ratio: number
}>

/** The colors of the current theme. */
export function paletteNow(): Palette {
  const style = getComputedStyle(document.documentElement)
  const of = (name: string) => style.getPropertyValue(name).trim()
  return {
    line: of('--line'),
    surface: of('--surface'),
    waiting: of('--status-queued-solid'),
    paused: of('--status-paused-solid'),
    outcomes: {
      running: of('--status-running-solid'),
      completed: of('--status-completed-solid'),
      failed: of('--status-failed-solid'),
      cancelled: of('--status-cancelled-solid'),
    },
  }
}

/** Draws all runs in view: what waits is hatched, pauses are thin, attempts have a notch, and failures are red. */
export function draw(context: CanvasRenderingContext2D, picture: Picture): void {
  const { lanes, view, now, width, height, ticks, palette, ratio } = picture
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, width, height)
  const scale = width / (view.to - view.from)
  const x = (at: number) => (at - view.from) * scale
  context.fillStyle = palette.line
  for (const tick of ticks) context.fillRect(Math.round(x(tick)), 0, 1, height)
  for (const { top, height: of } of lanes) context.fillRect(0, top + of - 1, width, 1)
  const hatch = hatchOf(context, palette.waiting, ratio)
  for (const { rows, top, rowHeight } of lanes) {
    const thickness = rowHeight > 4 ? rowHeight - 2 : rowHeight
    for (const [index, row] of rows.entries()) {
      const y = top + nameHeight + index * rowHeight
      for (const run of row) drawRun(run, y, thickness)
    }
  }

  function drawRun(run: Run, y: number, thickness: number): void {
    for (const { kind, outcome, from, to, attempt } of spansOf(run, now)) {
      if (to < view.from || from > view.to) continue
      const left = Math.max(-2, x(from))
      const long = Math.max(outcome === 'failed' ? 2 : 1, Math.min(width + 2, x(to)) - left)
      if (kind === 'waiting') {
        context.fillStyle = thickness >= 5 ? hatch : palette.waiting
        context.globalAlpha = thickness >= 5 ? 1 : 0.45
        context.fillRect(left, y + thickness * 0.2, long, thickness * 0.6)
        context.globalAlpha = 1
      } else if (kind === 'paused') {
        context.fillStyle = palette.paused
        context.fillRect(left, y + thickness * 0.35, long, Math.max(0.8, thickness * 0.3))
        if (thickness >= 5) {
          context.fillRect(left, y, 2, thickness)
          context.fillRect(left + long - 2, y, 2, thickness)
        }
      } else {
        context.fillStyle = palette.outcomes[outcome]
        context.fillRect(left, y, long, thickness)
        if (attempt > 1 && long > 4 && thickness >= 5) {
          context.fillStyle = palette.surface
          context.fillRect(left + 1.5, y, 1.5, thickness)
        }
      }
    }
  }
}

/** Diagonal lines. */
function hatchOf(context: CanvasRenderingContext2D, colour: string, ratio: number): CanvasPattern | string {
  const size = Math.round(5 * ratio)
  const tile = document.createElement('canvas')
  tile.width = tile.height = size
  const brush = tile.getContext('2d')
  if (brush === null) return colour
  brush.strokeStyle = colour
  brush.lineWidth = 1.3 * ratio
  brush.beginPath()
  for (const shift of [-size, 0, size]) {
    brush.moveTo(shift - 1, size + 1)
    brush.lineTo(shift + size + 1, -1)
  }
  brush.stroke()
  const pattern = context.createPattern(tile, 'repeat')
  pattern?.setTransform(new DOMMatrix().scale(1 / ratio))
  return pattern ?? colour
}
