import { describe, expect, test } from 'vitest'
import type { TaskWait } from '../../../src/client/index.ts'
import type { Status, TaskStep, TimelineLine } from '../data/shapes.ts'
import { waterfallOf } from './waterfall.ts'

const line = (version: number, at: number, event: string, status: Status): TimelineLine => ({
  version,
  at,
  event,
  status,
  attempt: 1,
  by: 'anonymous',
})

const step = (name: string, from: number, to: number): TaskStep => ({
  name,
  occurrence: 1,
  status: 'completed',
  attempts: 1,
  started_at: from,
  finished_at: to,
  result: null,
  error: null,
})

const wait = (status: TaskWait['status'], from: number, more: Partial<TaskWait> = {}): TaskWait => ({
  task_id: '1',
  task_type: 'order',
  name: 'approval',
  occurrence: 1,
  status,
  token: null,
  schema: null,
  message: null,
  created_at: from,
  expires_at: null,
  answered_at: null,
  answered_by: null,
  answer: null,
  ...more,
})

const child = (from: number, to: number | null) => ({
  task_id: '2',
  task_type: 'add',
  status: to === null ? ('running' as const) : ('completed' as const),
  name: 'add',
  occurrence: 1,
  created_at: from,
  completed_at: to,
})

const begun = [line(1, 100, 'submitted', 'queued'), line(2, 101, 'claimed', 'running')]
const nothing = { timeline: begun, steps: [], waits: [], children: [] }
const shapes = (life: Partial<typeof nothing> | object, now = 200) =>
  waterfallOf({ ...nothing, ...life }, now).bars.map(({ kind, from, to, isOpen, status }) => [
    kind,
    from,
    to,
    isOpen,
    status,
  ])

describe('the waterfall of a task', () => {
  test('has what it did and waited for in the order of their starts', () => {
    const timeline = [
      ...begun,
      line(3, 110, 'sleep_started', 'waiting'),
      line(4, 120, 'woken', 'queued'),
      line(5, 121, 'claimed', 'running'),
      line(6, 122, 'wait_started', 'waiting'),
      line(7, 128, 'answered', 'queued'),
    ]
    const life = {
      timeline,
      steps: [step('ship', 130, 132), step('charge', 102, 104)],
      waits: [wait('answered', 122, { answered_at: 128 })],
      children: [child(105, 109)],
    }
    expect(shapes(life)).toEqual([
      ['step', 102, 104, false, 'completed'],
      ['child', 105, 109, false, 'completed'],
      ['sleep', 110, 120, false, 'waiting'],
      ['wait', 122, 128, false, 'completed'],
      ['step', 130, 132, false, 'completed'],
    ])
  })

  test('ends with what is still in progress now', () => {
    const timeline = [...begun, line(3, 110, 'sleep_started', 'waiting')]
    expect(shapes({ timeline, children: [child(105, null)] })).toEqual([
      ['child', 105, 200, true, 'running'],
      ['sleep', 110, 200, true, 'waiting'],
    ])
    expect(shapes({ waits: [wait('open', 112)] })).toEqual([['wait', 112, 200, true, 'waiting']])
  })

  test('ends a wait with its timeout, its answer or its task', () => {
    const timeline = [...begun, line(3, 150, 'cancelled', 'cancelled')]
    const waits = [
      wait('timed_out', 110, { expires_at: 120 }),
      wait('early', 121, { answered_at: 121 }),
      wait('ended', 130, { expires_at: 999 }),
    ]
    expect(shapes({ timeline, waits })).toEqual([
      ['wait', 110, 120, false, 'cancelled'],
      ['wait', 121, 121, false, 'completed'],
      ['wait', 130, 150, false, 'cancelled'],
    ])
  })

  test('begins with the first that is known, also if the first entries are no longer kept', () => {
    expect(waterfallOf({ ...nothing, steps: [step('a', 90, 91)] }, 200)).toMatchObject({ from: 90, to: 200 })
  })

  test('reaches as far as a child that outlives its parent', () => {
    const timeline = [...begun, line(3, 150, 'completed', 'completed')]
    expect(waterfallOf({ ...nothing, timeline, children: [child(105, 170)] }, 999)).toMatchObject({
      from: 100,
      to: 170,
    })
    expect(waterfallOf({ ...nothing, timeline, children: [child(105, null)] }, 999)).toMatchObject({
      to: 999,
    })
    expect(waterfallOf({ ...nothing, timeline, steps: [step('a', 110, 111)] }, 999)).toMatchObject({
      to: 150,
    })
  })
})
