import { expect, test } from 'vitest'
import { submitted } from '../core/transition.ts'
import type { Task } from '../core/task.ts'
import { submission } from '../../test/support/tasks.ts'
import {
  fixedColumns,
  insertedNames,
  isPlain,
  movingColumns,
  newColumns,
  newDefaults,
  plainColumns,
  selectedNames,
  type Column,
  type StoredRow,
} from './columns.ts'
import { columnsOf, taskOf as taskOfPostgres } from './postgres/rows.ts'
import { fill, taskOf as taskOfSqlite, type Parameter } from './sqlite/rows.ts'

const fresh = submitted(submission({ id: 'one' }), { now: 1, nextQueuePosition: () => 2, by: 'api' }).task

/** No two columns of one kind have the same value. */
const full: Task = {
  ...fresh,
  status: 'pausing',
  priority: 11,
  queuePosition: 12,
  version: 13,
  fence: 14,
  attempt: 15,
  attemptOpen: true,
  maxAttempts: 16,
  failures: 17,
  crashes: 18,
  timeout: 19.5,
  tags: ['a', 'b'],
  admission: { limits: [{ name: 'api', key: 'a' }], fairnessKey: 'b', weight: 2.5, aging: 31 },
  idempotencyKey: 'key \0',
  requestHash: 'hash',
  ownerNode: 'node \ud800',
  requestedControl: 'pause',
  createdAt: 20,
  runAt: 21,
  delay: 22,
  startedAt: 23,
  completedAt: 24,
  statusSince: 25,
  savedAt: 26,
  activeMs: 27,
  attemptBaseMs: 28,
  queuedMs: 29,
  pausedMs: 30,
  progress: { current: 1, total: 2, at: 3 },
  error: { code: 'BOOM', name: 'Error', message: 'boom' },
  endedBy: 'killed',
  missing: 31,
  parent: { id: 'parent', name: 'name \0', occurrence: 2, depth: 3, onEnd: 'leave' },
  sleeps: { over: 32, after: [33] },
  news: 34,
  awaits: { seen: 35, waits: ['a \0'] },
}

function inSqlite(task: Task): StoredRow {
  const values: Parameter[] = [1]
  fill.moving(values, fill.fixed(values, 1, task), task)
  return values
}

function inPostgres(task: Task): StoredRow {
  const columns = columnsOf([task], [...fixedColumns, ...movingColumns])
  return [1, ...columns.map(({ values: [value] }) => value!)]
}

test.each([
  ['with all properties set', full],
  ['with only the required properties', fresh],
])('a task %s is read as it was written, in both dialects', (_, task) => {
  for (const row of [inSqlite(task), inPostgres(task)]) expect(row).toHaveLength(insertedNames.length)
  expect(taskOfSqlite(inSqlite(task))).toStrictEqual(task)
  expect(taskOfPostgres(inPostgres(task))).toStrictEqual(task)
})

test('a new task has the defaults of the columns that its insert leaves out', () => {
  const rest = (written: readonly Column[]) =>
    [...fixedColumns, ...movingColumns].filter((one) => !written.includes(one))
  const isDefault = ({ name, of }: Column) => {
    const value = (newDefaults as Readonly<Record<string, number>>)[name] ?? null
    return Object.is(Number(of(fresh)), Number(value)) && (of(fresh) === null) === (value === null)
  }
  expect(isPlain(fresh)).toBe(true)
  expect(rest([...fixedColumns, ...newColumns]).filter((one) => !isDefault(one))).toEqual([])
  expect(rest(plainColumns).filter((one) => !isDefault(one))).toEqual([])
  // What makes a task not plain is a column that a plain one leaves out.
  for (const [name, value] of Object.entries(full)) {
    const changed = { ...fresh, [name]: value } as Task
    const left = rest([...plainColumns, ...movingColumns]).filter(({ of }) => of(changed) !== null)
    expect(left.length > 0 && isPlain(changed), name).toBe(false)
  }
})

test('each property of a task has its own column', () => {
  // The row has a number, and its lane and the id of its parent, which follow from the rest of it.
  expect(insertedNames).toHaveLength(Object.keys(full).length + 3)
  expect(new Set(selectedNames).size).toBe(selectedNames.length)
})
