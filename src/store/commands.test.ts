import { describe, expect, test } from 'vitest'
import type { Submission, Task } from '../core/task.ts'
import type { Settlement } from '../core/outcome.ts'
import { submission } from '../../test/support/tasks.ts'
import * as commands from './commands.ts'
import { timelineLimit, type Submitted } from './store.ts'
import { TaskRow, type NewRow } from './task-row.ts'

/** Several commands in one transaction; the conformance suite covers single commands. */

let places = 0
const context = { now: 1_000, nextQueuePosition: () => ++places, nextRowId: () => ++places }

function submitIn(
  rows: NewRow[],
  byKey: Map<string, Task>,
  submissions: readonly Submission[],
  { waiting, maxQueued = 100 }: { waiting?: number; maxQueued?: number } = {},
): Submitted {
  const options = { by: 'api', maxQueued }
  const batch = {
    context,
    byKey,
    holders: new Map(),
    bounds: undefined,
    waiting,
    rows,
    changed: new Set<TaskRow>(),
    predecessors: new Map(),
    children: new Map(),
    edges: [],
  }
  return commands.submit(batch, { submissions, options })
}

function queued(id: string): TaskRow {
  const rows: NewRow[] = []
  submitIn(rows, new Map(), [submission({ id })])
  return new TaskRow(7, rows[0]!.task)
}

function claimed(id: string): TaskRow {
  const row = queued(id)
  commands.claim(row, 'node', { parameters: '{}', checkpoint: null }, context)
  return new TaskRow(row.rowId, row.task)
}

function settlement(row: TaskRow, more: Partial<Settlement> = {}): Settlement {
  const { id, fence } = row.task
  return { id, fence, outcome: { kind: 'completed', result: '1' }, activeMs: 5, ...more }
}

function countsOf(...rows: TaskRow[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const row of rows) {
    row.count((_, status, tasks) => {
      counts[status] = (counts[status] ?? 0) + tasks
    })
  }
  return counts
}

describe('submits of one transaction', () => {
  const keyed = (id: string, requestHash = 'same') => submission({ id, idempotencyKey: 'key', requestHash })

  test('replay and refuse keys of earlier submits', () => {
    const [rows, byKey] = [[] as NewRow[], new Map<string, Task>()]
    submitIn(rows, byKey, [keyed('first')])
    expect(submitIn(rows, byKey, [keyed('second')])).toMatchObject({
      tasks: [{ replayed: true, task: { id: 'first' } }],
    })
    const conflict = { kind: 'conflict', index: 1, id: 'first' }
    expect(submitIn(rows, byKey, [submission({ id: 'other' }), keyed('third', 'other')])).toEqual(conflict)
    expect(rows.map(({ task }) => task.id)).toEqual(['first'])
  })

  test('count the rows of earlier submits, and add none when refused', () => {
    const [rows, byKey] = [[] as NewRow[], new Map<string, Task>()]
    const two = ['a', 'b'].map((id) => submission({ id }))
    expect(submitIn(rows, byKey, two, { waiting: 1, maxQueued: 3 }).kind).toBe('accepted')
    expect(submitIn(rows, byKey, [submission({ id: 'c' })], { waiting: 1, maxQueued: 3 }).kind).toBe('full')
    expect(rows).toHaveLength(2)
    expect(submitIn(rows, byKey, [submission({ id: 'c' })], { maxQueued: 3 }).kind).toBe('accepted')
  })

  test('add one row for a key that is named twice', () => {
    const rows: NewRow[] = []
    const answer = submitIn(rows, new Map(), [keyed('a'), keyed('b')], { waiting: 0, maxQueued: 1 })
    expect(answer).toMatchObject({ tasks: [{ replayed: false }, { replayed: true, task: { id: 'a' } }] })
    expect(rows).toHaveLength(1)
  })
})

describe('commands on one row', () => {
  test('accumulate into one change', () => {
    const row = claimed('task')
    const saved = { id: 'task', fence: 1, checkpoint: '2', log: [{ at: 1, attempt: 1, text: 'a' }] }
    expect(commands.save(row, 'node', saved, context)).toBe(true)
    commands.settle(row, 'node', settlement(row, { log: [{ at: 2, attempt: 1, text: 'b' }] }), context)
    expect(row).toMatchObject({
      checkpoint: '2',
      result: '1',
      isChanged: true,
      before: { status: 'running' },
    })
    expect(row.log?.map(({ text }) => text)).toEqual(['a', 'b'])
    expect(row.lines.match(/,\[/g)).toHaveLength(1)
    expect(countsOf(row)).toEqual({ running: -1, completed: 1 })
    expect(commands.purge(row)).toEqual({ kind: 'purged' })
    expect(countsOf(row)).toEqual({ running: -1 })
  })

  test('change nothing if they do not match', () => {
    const row = claimed('task')
    expect(commands.save(row, 'another node', { id: 'task', fence: 1, checkpoint: '2' }, context)).toBe(false)
    expect(commands.settle(row, 'node', settlement(row, { fence: 0 }), context).verdict).toBe('superseded')
    expect(commands.purge(row).kind).toBe('refused')
    expect(commands.unpark(row, 'node', { id: 'task', fence: 1, why: 'room' }, context)).toEqual([])
    expect(row).toMatchObject({ isChanged: false, isDeleted: false, lines: '' })
    expect([row.checkpoint, row.result, row.log, row.fencedOff]).toEqual(Array(4).fill(undefined))
    expect(countsOf(row)).toEqual({})
  })

  test('leave the counts alone if the status ends where it began', () => {
    const row = queued('task')
    for (const control of ['pause', 'resume'] as const)
      commands.control(row, { id: 'task', control, by: 'api' }, { codeAlive: false }, context)
    expect(row.task).toMatchObject({ status: 'queued', version: 3 })
    expect(countsOf(row)).toEqual({})
  })

  test('fence off code whose slot only its own copy releases', () => {
    const row = claimed('task')
    commands.settle(row, 'node', settlement(row, { outcome: { kind: 'fenced' }, fencedOff: true }), context)
    const slots = row.fencedOff ?? []
    expect(slots).toEqual([{ id: 'task', fence: 1, node: 'node', type: 'work' }])
    const released = (node: string, fence: number) =>
      commands.releasedSlots(slots, node, [{ id: 'task', fence, why: 'it returned' }])
    expect([released('node', 2), released('another', 1)]).toEqual([[], []])
    expect(released('node', 1)).toEqual(slots)
  })

  test('shorten a long timeline when they cross a fiftieth version', () => {
    const at = (from: number, to: number) => {
      const row = new TaskRow(1, { ...queued('task').task, version: from })
      row.change({ ...row.task, version: to })
      return row.mustShortenTimeline
    }
    expect([at(timelineLimit, timelineLimit + 1), at(248, 251), at(249, 250)]).toEqual([false, true, true])
    expect([at(250, 251), at(49, 50)]).toEqual([false, false])
  })
})
