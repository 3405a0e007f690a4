import { stripVTControlCharacters } from 'node:util'
import { isFermataError, type Stats, type TaskStatus } from '../../client/index.ts'
import { UsageError } from '../exit.ts'
import { clock, count, rate } from '../format.ts'
import type { Action } from '../perform.ts'
import type { Session } from '../session.ts'
import { bar } from '../terminal/bar.ts'
import { Live } from '../terminal/live.ts'
import { joined, safe, visible, type SafeText } from '../terminal/text.ts'
import { cut, pad, widthOf } from '../terminal/width.ts'
import { active } from '../watching/all.ts'
import { shapeOf, taskLine } from '../watching/line.ts'
import { rowOf, type Row } from '../watching/row.ts'
import { counts } from './stats.ts'

/** Seconds between two updates by default. */
const usualInterval = 0.5

/** Milliseconds between two frames: countdowns continue between updates. */
const frame = 250

/** Maximum number of tasks to read; a screen has fewer lines. */
const most = 200

type Seen = Readonly<{ stats: Stats; rows: readonly Row[] }>

/** Slots, queue, rates and running tasks on the full screen, until q or Ctrl+C. */
export const top: Action = async (session, command) => {
  const { interval = usualInterval } = command.opts<{ interval?: number }>()
  if (!session.out.isLive)
    throw new UsageError('top needs a terminal; "fermata stats" prints the same numbers once')
  const abort = new AbortController()
  const { signal } = abort
  // A wrong address is reported before the screen changes.
  let seen = await look(session, signal)
  let isAway = false
  using live = new Live(session.out, true)
  const draw = () => live.draw(screen(session, seen, isAway))
  using _resized = session.out.onResize(() => live.refresh(screen(session, seen, isAway)))
  using _keys = keys(() => abort.abort())
  const timer = setInterval(draw, frame)
  draw()
  try {
    while (!signal.aborted) {
      await pause(interval, signal)
      try {
        seen = await look(session, signal)
        isAway = false
      } catch (error) {
        if (signal.aborted) break
        if (!isFermataError(error, 'SERVER_UNREACHABLE') && !(isFermataError(error) && error.status === 503))
          throw error
        isAway = true
      }
      draw()
    }
  } finally {
    clearInterval(timer)
  }
}

async function look({ client }: Session, signal: AbortSignal): Promise<Seen> {
  const options = { signal, patience: 0 }
  const [stats, { tasks }] = await Promise.all([
    client.getStats(options),
    client.listTasks({ status: active, order: 'oldest', limit: most }, options),
  ])
  const now = Date.now()
  return { stats, rows: tasks.map((task: TaskStatus) => rowOf(task, now)) }
}

function screen(session: Session, { stats, rows }: Seen, isAway: boolean): (SafeText | string)[] {
  const { out } = session
  const width = out.columns
  const { slots_in_use: used, max_concurrent: all, parked, phase } = stats.node
  const slotFigures = `${used}/${all}${parked === 0 ? '' : `  ${parked} parked`}`
  const barWidth = Math.max(5, Math.min(50, width - 9 - widthOf(slotFigures) - 2))
  const queued = (stats.counts.queued ?? 0) + (stats.counts.scheduled ?? 0)
  const fixed = [
    titleLine(session, isAway ? 'unreachable, retrying' : visible(phase), isAway),
    '',
    safe`${out.paint('bold', 'Slots  ')} ${bar(out, all === 0 ? 0 : used / all, barWidth, 'green')} ${slotFigures}`,
    safe`${out.paint('bold', 'Tasks  ')} ${fitted(counts(out, stats), width - 9)}`,
    safe`${out.paint('bold', 'Rates  ')} ${cut(ratesLine(stats), width - 9)}`,
    '',
    out.paint(
      'inverse',
      pad(
        cut(
          ` ${rows.length === most ? `${most} or more` : rows.length} running, ${count(queued)} waiting`,
          width,
        ),
        width,
      ),
    ),
  ]
  const foot = out.paint('dim', cut('Press q to quit', width))
  const room = Math.max(0, out.rows - fixed.length - 1)
  const shown = rows.slice(0, rows.length > room ? Math.max(0, room - 1) : room)
  const now = Date.now()
  const shape = shapeOf(shown, width, now)
  const lines = shown.map((row) => taskLine(out, row, shape, now))
  if (shown.length < rows.length) lines.push(out.paint('dim', `… and ${rows.length - shown.length} more`))
  const blank = Array.from({ length: Math.max(0, room - lines.length) }, () => '')
  return [...fixed, ...lines, ...blank, foot]
}

function titleLine({ out, url }: Session, state: string, isAway: boolean): SafeText {
  const width = out.columns - 1
  const time = clock(Date.now() / 1_000)
  const address = cut(visible(url), Math.max(0, width - 'Fermata'.length - state.length - time.length - 6))
  const blank = ' '.repeat(Math.max(1, width - widthOf(`Fermata  ${address}  ${state}${time}`)))
  return safe`${out.paint('bold', 'Fermata')}  ${address}  ${out.paint(isAway ? 'red' : 'green', state)}${blank}${time}`
}

/** As many parts as fit completely. */
function fitted(parts: readonly SafeText[], width: number): SafeText {
  const text = joined(parts, '  ')
  return parts.length > 1 && widthOf(stripVTControlCharacters(text.text)) > width
    ? fitted(parts.slice(0, -1), width)
    : text
}

function ratesLine({ rates }: Stats): string {
  const { '1m': minute, '5m': five } = rates
  return `last minute: ${rate(minute.submitted)} submitted, ${rate(minute.completed)} completed, ${rate(minute.failed)} failed; 5 minutes: ${rate(five.completed)} completed`
}

/** Calls back when q, Escape or Ctrl+C is pressed. */
function keys(onEnd: () => void): Disposable {
  const { stdin } = process
  const onKey = (bytes: Buffer) => {
    if (['q', 'Q', '\u0003', '\u001B'].includes(bytes.toString())) onEnd()
  }
  if (stdin.isTTY) stdin.setRawMode(true).on('data', onKey).resume()
  process.on('SIGINT', onEnd)
  process.on('SIGTERM', onEnd)
  return {
    [Symbol.dispose]: () => {
      process.off('SIGINT', onEnd)
      process.off('SIGTERM', onEnd)
      if (stdin.isTTY) stdin.off('data', onKey).setRawMode(false).pause()
    },
  }
}

function pause(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, seconds * 1_000)
    signal.addEventListener('abort', end)
  })
}
