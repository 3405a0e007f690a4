import type { Parameter } from './connection.ts'
import type { Value } from '../columns.ts'
import type { Filled } from './rows.ts'

/** How a column of a group is sent: as an array or, if all rows are `alike`, as one value. */
export type Part = Readonly<{ name: string; type: string; alike: boolean }>

export type Packed = Readonly<{ parts: readonly Part[]; values: readonly Parameter[] }>

/**
 * Minimum rows of a group for looking for equal columns: each combination of them is a separate statement, and unpacking an
 * array for every row costs the server more than many a column is worth. Keys never repeat in a group.
 */
const worthwhile = 32

export function packed(columns: readonly Filled[]): Packed {
  const parts: Part[] = []
  const values: Parameter[] = []
  for (const { name, type, values: column } of columns) {
    const alike = column.length >= worthwhile && isAlike(column)
    parts.push({ name, type, alike })
    values.push(alike ? column[0]! : column)
  }
  return { parts, values }
}

function isAlike([first, ...others]: readonly Value[]): boolean {
  return others.every((value) => value === first)
}

/** The arrays of these parts as rows `u`. */
export function arraysOf(parts: readonly Part[]): string {
  const arrays = parts.flatMap(({ type, alike }, index) => (alike ? [] : [`$${index + 1}::${type}[]`]))
  const names = parts.flatMap(({ name, alike }) => (alike ? [] : [name]))
  return `unnest(${arrays.join(', ')}) as u(${names.join(', ')})`
}

/** The expression for this part in a statement over `arraysOf`. */
export function valueOf(parts: readonly Part[], index: number): string {
  const { name, type, alike } = parts[index]!
  return alike ? `$${index + 1}::${type}` : `u.${name}`
}

/** One text per combination of parts. */
export function shaped(write: (parts: readonly Part[]) => string): (parts: readonly Part[]) => string {
  const texts = new Map<string, string>()
  return (parts) => {
    const shape = parts.map(({ name, alike }) => (alike ? `=${name}` : name)).join()
    let text = texts.get(shape)
    if (text === undefined) texts.set(shape, (text = write(parts)))
    return text
  }
}
