import type { Stats } from '../../client/index.ts'
import { count, duration, rate } from '../format.ts'
import { looks, statuses } from '../looks.ts'
import type { Action } from '../perform.ts'
import { bar } from '../terminal/bar.ts'
import { Table } from '../terminal/table.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { joined, safe, type SafeText } from '../terminal/text.ts'

export const stats: Action = async (session) => {
  const answer = await session.client.getStats()
  if (session.json) await session.printJson(answer)
  else for (const line of overview(session.out, answer)) await session.out.print(line)
}

function overview(out: Terminal, stats: Stats): (SafeText | string)[] {
  const title = (text: string) => out.paint('bold', text)
  return [
    safe`${title('Node')}    ${slots(out, stats, 20)}  ${stats.node.phase}`,
    safe`${title('Tasks')}   ${joined(counts(out, stats), '  ')}`,
    '',
    ...ratesTable(out, stats),
    '',
    ...typesTable(out, stats),
  ]
}

function slots(out: Terminal, { node }: Stats, width: number): SafeText {
  const { slots_in_use: used, max_concurrent: all, parked } = node
  const drawn = out.isLive ? safe`${bar(out, all === 0 ? 0 : used / all, width)} ` : ''
  return safe`${drawn}${used}/${all} slots${parked === 0 ? '' : `, ${parked} parked`}`
}

/** Counts by status, without zeros. */
export function counts(out: Terminal, { counts }: Stats): SafeText[] {
  const parts = statuses.flatMap((status) => {
    const number = counts[status] ?? 0
    const { style, symbol } = looks[status]
    return number === 0 ? [] : [out.paint(style, `${symbol} ${count(number)} ${status}`)]
  })
  return parts.length === 0 ? [safe`none`] : parts
}

const windows = ['1m', '5m', '60m'] as const

function ratesTable(out: Terminal, { rates }: Stats): SafeText[] {
  type Row = (typeof windows)[number]
  const table = new Table<Row>(
    out,
    [
      { title: 'LAST', text: (window) => window },
      ...(Object.keys(rates['1m']) as (keyof Stats['rates']['1m'])[]).map((name) => ({
        title: name.toUpperCase(),
        text: (window: Row) => rate(rates[window][name]),
        side: 'right' as const,
      })),
    ],
    windows,
  )
  return [table.head, ...windows.map((window) => table.line(window))]
}

function typesTable(out: Terminal, { types }: Stats): SafeText[] {
  const rows = Object.entries(types)
  type Row = (typeof rows)[number]
  const number = (value: number | undefined) => (value === undefined || value === 0 ? '' : count(value))
  const table = new Table<Row>(
    out,
    [
      { title: 'TYPE', text: ([type]) => type },
      ...statuses.map((status) => ({
        title: status.toUpperCase(),
        text: ([, { counts }]: Row) => number(counts[status]),
        side: 'right' as const,
      })),
      {
        title: 'EXPECTED',
        text: ([, { expected_duration: time }]) => (time === null ? '' : duration(time)),
        side: 'right',
      },
      { title: 'HELD', text: ([, { held }]) => (held ? 'held' : ''), style: () => 'yellow' },
    ],
    rows,
  )
  return [table.head, ...rows.map((row) => table.line(row))]
}
