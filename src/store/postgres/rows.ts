import type { Submission, Task } from '../../core/task.ts'
import {
  isAwaited as isAwaitedRow,
  movingColumns,
  selectedNames,
  taskOf as taskOfRow,
  type Column,
  type Decoder,
  type Kind,
  type StoredRow,
  type Value,
} from '../columns.ts'
import { decodeText, encodeText } from './text.ts'

const types: Readonly<Record<Kind, string>> = {
  text: 'text',
  word: 'text',
  integer: 'int',
  long: 'bigint',
  float: 'float8',
  flag: 'boolean',
}

const decoder: Decoder = { text: decodeText, flag: (stored) => stored as boolean }

export const selectedCount = selectedNames.length

/** The columns of a row, qualified with this table name. */
export function selectedColumns(of: string): string {
  return selectedNames.map((name) => `${of}.${name}`).join(', ')
}

export function taskOf(row: StoredRow): Task {
  return taskOfRow(row, decoder)
}

export function isAwaited(row: StoredRow): boolean {
  return isAwaitedRow(row, decoder)
}

/** A column of a group of rows. */
export type Filled = Readonly<{ name: string; type: string; values: readonly Value[] }>

export function columnsOf(tasks: readonly Task[], columns: readonly Column[]): Filled[] {
  return columns.map(({ name, kind, of }) => {
    const values = tasks.map(of)
    return { name, type: types[kind], values: kind === 'text' ? values.map(encoded) : values }
  })
}

/** The columns in which any of these differs from before. */
export function changedColumns(rows: readonly Readonly<{ before: Task; task: Task }>[]): Filled[] {
  const changed = movingColumns.filter(({ of }) => rows.some(({ before, task }) => of(before) !== of(task)))
  return columnsOf(
    rows.map(({ task }) => task),
    changed,
  )
}

type Numbered = Readonly<{ rowId: number; task: Task }>

/** Each tag of each of these tasks. */
export function tagsOf(rows: readonly Numbered[]): (Numbered & Readonly<{ tag: string }>)[] {
  return rows.flatMap(({ rowId, task }) => [...new Set(task.tags)].map((tag) => ({ rowId, task, tag })))
}

/** The key of a tag's row: tag, time and number. */
export function tagColumns(tags: ReturnType<typeof tagsOf>): Value[][] {
  return [
    tags.map(({ tag }) => encodeText(tag)),
    tags.map(({ task }) => task.createdAt),
    tags.map(({ rowId }) => rowId),
  ]
}

/** Throws `TypeError` for values that cannot be stored, before they can spoil the group they would be written with. */
export function mustBeEncodable({ id, type, parameters, idempotencyKey, requestHash }: Submission): void {
  for (const text of [id, type, parameters, idempotencyKey ?? '', requestHash ?? '']) encodeText(text)
}

function encoded(value: Value): Value {
  return value === null ? null : encodeText(value as string)
}
