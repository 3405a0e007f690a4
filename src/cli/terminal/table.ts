import { joined, visible, type SafeText } from './text.ts'
import { cut, pad, widthOf } from './width.ts'
import type { Style, Terminal } from './terminal.ts'

export type Column<Row> = Readonly<{
  title: string
  /** Without colors; made visible. */
  text: (row: Row) => string
  style?: (row: Row) => Style
  side?: 'left' | 'right'
  /** Minimum columns it may be cut to; without it, it is never cut. */
  least?: number
  /** The highest is removed first if the terminal is too narrow; a column without it always stays. */
  yields?: number
}>

const gap = 2

/**
 * Rows in columns that fit the terminal: columns that yield are removed first, then those that may be cut share the
 * remaining width. The first rows fix the widths, so a long list can be printed as it arrives.
 */
export class Table<Row> {
  readonly #terminal: Terminal
  readonly #columns: readonly Readonly<{ column: Column<Row>; width: number }>[]

  constructor(terminal: Terminal, columns: readonly Column<Row>[], first: readonly Row[]) {
    this.#terminal = terminal
    const wide = columns
      .map((column) => ({
        column,
        width: Math.max(widthOf(column.title), ...first.map((row) => widthOf(visible(column.text(row))))),
      }))
      .filter(({ column }) => first.length === 0 || first.some((row) => column.text(row) !== ''))
    this.#columns = fitted(wide, terminal.columns)
  }

  get head(): SafeText {
    const titles = this.#columns.map(({ column, width }) => pad(cut(column.title, width), width, column.side))
    return this.#terminal.paint('dim', titles.join(' '.repeat(gap)).trimEnd())
  }

  line(row: Row): SafeText {
    const last = this.#columns.length - 1
    const cells = this.#columns.map(({ column, width }, index) => {
      const text = cut(visible(column.text(row)), column.least === undefined ? Infinity : width)
      const padded = index === last && column.side !== 'right' ? text : pad(text, width, column.side)
      return column.style === undefined || text === ''
        ? padded
        : this.#terminal.paint(column.style(row), padded)
    })
    return joined(cells, ' '.repeat(gap))
  }
}

type Sized<Row> = Readonly<{ column: Column<Row>; width: number }>

function fitted<Row>(wide: readonly Sized<Row>[], room: number): readonly Sized<Row>[] {
  const excess = () => total(kept) - room
  let kept = wide
  const least = (columns: readonly Sized<Row>[]) =>
    total(columns.map(({ column, width }) => ({ column, width: Math.min(width, column.least ?? width) })))
  while (least(kept) > room) {
    const yielding = kept.filter(({ column }) => column.yields !== undefined)
    const first = yielding.toSorted((a, b) => (b.column.yields ?? 0) - (a.column.yields ?? 0))[0]
    if (first === undefined) break
    kept = kept.filter((one) => one !== first)
  }
  // Repeatedly shrink the widest column that may be cut.
  while (excess() > 0) {
    const soft = kept.filter(({ column, width }) => column.least !== undefined && width > column.least)
    const widest = soft.toSorted((a, b) => b.width - a.width)[0]
    if (widest === undefined) break
    const next =
      soft.find((one) => one !== widest && one.width < widest.width)?.width ?? widest.column.least ?? 0
    const by = Math.min(excess(), Math.max(1, widest.width - Math.max(next, widest.column.least ?? 0)))
    kept = kept.map((one) => (one === widest ? { ...one, width: one.width - by } : one))
  }
  return kept
}

function total<Row>(columns: readonly Sized<Row>[]): number {
  return columns.reduce((sum, { width }) => sum + width, 0) + gap * Math.max(0, columns.length - 1)
}
