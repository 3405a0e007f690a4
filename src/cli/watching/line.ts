import { count, countdown, duration, errorText, rate } from '../format.ts'
import { isTerminal, looks } from '../looks.ts'
import { bar } from '../terminal/bar.ts'
import type { Style, Terminal } from '../terminal/terminal.ts'
import { joined, safe, visible, type SafeText } from '../terminal/text.ts'
import { cut, pad, widthOf } from '../terminal/width.ts'
import { activeAt, type Row } from './row.ts'

/** Widths of the parts, so that rows line up. */
export type Shape = Readonly<{
  type: number
  status: number
  id: number
  figures: readonly number[]
  bar: number
}>

/** Characters at the end of an id that distinguish it from others of the same minute. */
const shortId = 8

/** Minimum and maximum columns of a bar: with less space it is left out. */
const barWidth = { least: 5, most: 30, mostAlone: 40 } as const

/** For these rows on a terminal of this width; ids are complete if there is room. */
export function shapeOf(rows: readonly Row[], columns: number, now: number): Shape {
  const widest = (texts: readonly string[], most: number) =>
    Math.min(most, Math.max(0, ...texts.map(widthOf)))
  const type = widest(
    rows.map(({ type }) => visible(type)),
    columns < 80 ? 10 : 20,
  )
  const status = widest(
    rows.map(({ status }) => status),
    10,
  )
  const id = columns >= 130 ? 36 : shortId + 1
  const cells = rows.map((row) => figuresOf(row, now))
  const all = [0, 1, 2, 3, 4].map((column) =>
    Math.max(0, ...cells.map((cell) => widthOf(cell[column] ?? ''))),
  )
  // On a narrow terminal, percentage and time matter most.
  const figures = columns < 80 ? all.map((width, column) => (column === 1 || column === 2 ? 0 : width)) : all
  const room = columns - 1 - headWidth({ type, status, id }) - figuresWidth(figures)
  const message = widest(rows.map(messageOf), 30)
  const most = message === 0 ? barWidth.mostAlone : barWidth.most
  const hasBar = rows.some(({ progress }) => progress !== null && progress.ratio !== null)
  const wanted = Math.min(most, Math.max(barWidth.least, room - 1 - (message === 0 ? 0 : message + 2)))
  return { type, status, id, figures, bar: hasBar && room > barWidth.least ? wanted : 0 }
}

/** A task on one line: identity, progress, rate and time left. */
export function taskLine(terminal: Terminal, row: Row, shape: Shape, now: number): SafeText {
  const look = looks[row.status]
  const name = row.id.length <= shape.id ? row.id : `…${row.id.slice(-shortId)}`
  const parts: (SafeText | string)[] = [
    safe`${terminal.paint(look.style, look.symbol)} ${pad(cut(visible(row.type), shape.type), shape.type)}`,
    terminal.paint('dim', pad(name, shape.id)),
    terminal.paint(look.style, pad(row.status, shape.status)),
  ]
  let used = headWidth(shape) + figuresWidth(shape.figures)
  if (shape.bar > 0) {
    const ratio = row.progress?.ratio ?? null
    parts.push(ratio === null ? ' '.repeat(shape.bar) : bar(terminal, ratio, shape.bar, barStyle(row)))
    used += shape.bar + 1
  }
  const figures = figuresOf(row, now)
  for (const [column, width] of shape.figures.entries()) {
    if (width > 0) parts.push(pad(figures[column] ?? '', width, 'right'))
  }
  const text = cut(messageOf(row), Math.max(0, terminal.columns - 1 - used - 2))
  if (text !== '') parts.push(terminal.paint(row.error === null ? 'dim' : 'red', ` ${text}`))
  return joined(parts, ' ')
}

function headWidth({ type, status, id }: Pick<Shape, 'type' | 'status' | 'id'>): number {
  return 2 + type + 1 + id + 1 + status
}

function figuresWidth(figures: readonly number[]): number {
  return figures.reduce((sum, width) => sum + (width === 0 ? 0 : width + 1), 0)
}

function barStyle({ status }: Row): Style & ('blue' | 'green' | 'red' | 'yellow' | 'magenta') {
  if (status === 'completed') return 'green'
  if (status === 'failed') return 'red'
  if (status === 'cancelled' || status === 'cancelling') return 'magenta'
  return status === 'paused' || status === 'pausing' ? 'yellow' : 'blue'
}

/** Percentage, count, rate, time left or taken, and attempt; empty if there is nothing to show. */
export function figuresOf(row: Row, now: number): readonly [string, string, string, string, string] {
  const { progress, status, attempt } = row
  const { ratio = null, current = 0, total = null, rate: speed = null } = progress ?? {}
  return [
    ratio === null ? '' : `${Math.floor(ratio * 100)}%`,
    progress === null ? '' : total === null ? count(current) : `${count(current)}/${count(total)}`,
    speed === null || status !== 'running' ? '' : rate(speed),
    timeOf(row, now),
    attempt > 1 ? `attempt ${attempt}` : '',
  ]
}

function timeOf(row: Row, now: number): string {
  const { progress, status, seenAt } = row
  if (isTerminal(status)) return `in ${duration(row.activeSeconds)}`
  if (status !== 'running') return ''
  const eta = progress?.eta_seconds ?? null
  return eta === null
    ? countdown(Math.floor(activeAt(row, now)))
    : `ETA ${countdown(eta - (now - seenAt) / 1_000)}`
}

/** The error, or the latest progress message. */
export function messageOf({ error, progress, status }: Row): string {
  if (error !== null && status !== 'completed') return visible(errorText(error))
  return visible(progress?.message ?? '')
}
