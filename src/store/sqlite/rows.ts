import type { Task } from '../../core/task.ts'
import {
  fixedColumns,
  isAwaited as isAwaitedRow,
  movingColumns,
  plainColumns,
  savedColumns,
  selectedNames,
  taskOf as taskOfRow,
  type Column,
  type Decoder,
  type StoredRow,
} from '../columns.ts'

export type Parameter = string | number | null

const decoder: Decoder = { text: (stored) => stored, flag: (stored) => stored === 1 }

export const selectedColumns = selectedNames.join(', ')

export function taskOf(row: StoredRow): Task {
  return taskOfRow(row, decoder)
}

export function isAwaited(row: StoredRow): boolean {
  return isAwaitedRow(row, decoder)
}

type Encoder = (task: Task) => Parameter

const fixed = fixedColumns.map(encoderOf)
const moving = movingColumns.map(encoderOf)
const saved = savedColumns.map(encoderOf)
const plain = plainColumns.map(encoderOf)

/** Fills the values of a statement from an index on; returns the index after the last one. */
export const fill = {
  fixed: filler(fixed),
  moving: filler(moving),
  saved: filler(saved),
  plain: filler(plain),
}

function filler(encoders: readonly Encoder[]) {
  return (values: Parameter[], from: number, task: Task): number => {
    let index = from
    for (const encode of encoders) values[index++] = encode(task)
    return index
  }
}

function encoderOf({ kind, of }: Column): Encoder {
  return kind === 'flag' ? (task) => (of(task) === true ? 1 : 0) : (of as Encoder)
}
