import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  canAdopt,
  holdsSlot,
  isAlive,
  started,
  step,
  type AttemptEvent,
  type AttemptState,
  type Effect,
  type Phase,
} from './attempt-machine.ts'
import type { SettleVerdict } from './outcome.ts'
import type { Status, Task } from './task.ts'

const here = { node: 'here', canKill: true }
const inline = { node: 'here', canKill: false }
const cancel = { kind: 'cancel' } as const
const unwind = { kind: 'unwind', why: 'it drains' } as const
const threw = { kind: 'threw', error: { code: 'E', name: 'E', message: 'no' }, final: false } as const
const returned = { kind: 'returned', result: '1' } as const
const sleep = { until: 9, delay: 4, sleeps: { over: 0, after: [0] }, awaits: null } as const
const died = { kind: 'died', why: 'its process is gone' } as const

/** Of a row the machine reads no more than this. */
function row(changes: Partial<Task> = {}): Task {
  const known = { status: 'running', version: 5, fence: 3, ownerNode: 'here', missing: 0, ...changes }
  return known as Task
}

/** Each phase, with the status that its task has then. */
const phases = {
  running: [{ name: 'running' }, 'running'],
  suspended: [{ name: 'suspended' }, 'pausing'],
  'suspended in a sleep': [{ name: 'suspended', sleep }, 'running'],
  parking: [{ name: 'parking', ended: null }, 'pausing'],
  parked: [{ name: 'parked', ended: null }, 'paused'],
  'parked asleep': [{ name: 'parked', ended: null }, 'waiting'],
  'stopping to cancel': [{ name: 'stopping', stop: cancel, writes: 'outcome' }, 'cancelling'],
  'stopping to unwind a parked copy': [{ name: 'stopping', stop: unwind, writes: 'unpark' }, 'paused'],
  fencing: [{ name: 'fencing', stop: cancel, writes: 'outcome', ended: null }, 'cancelling'],
  killing: [{ name: 'killing', stop: cancel, writes: 'outcome' }, 'cancelling'],
  abandoned: [{ name: 'abandoned' }, 'cancelled'],
  recording: [{ name: 'recording', unparkIfRefused: null }, 'running'],
  over: [{ name: 'over' }, 'completed'],
} as const satisfies Record<string, readonly [Phase, Status]>

const paused = (verdict: SettleVerdict) => (fence: number) =>
  ({
    kind: 'pause-recorded',
    fence,
    verdict,
    row: verdict === 'stale' ? row({ version: 6 }) : null,
  }) as const

const newer = (changes: Partial<Task>) => () =>
  ({ kind: 'row', row: row({ version: 6, ...changes }) }) as const

/** Each event, for a copy that holds this fence. */
const events = {
  'row: pause requested': newer({ status: 'pausing' }),
  'row: cancel requested': newer({ status: 'cancelling' }),
  'row: pause withdrawn': newer({ status: 'running' }),
  'row: newer fence': newer({ fence: 4, ownerNode: 'elsewhere' }),
  'row: fence raised here': newer({ status: 'cancelling', fence: 4 }),
  adopted: () => ({ kind: 'adopted', row: row({ version: 7, fence: 4 }) }),
  suspended: () => ({ kind: 'suspended' }),
  asleep: () => ({ kind: 'asleep', sleep }),
  'woken early': () => ({ kind: 'awake', early: true }),
  'sleep over': () => ({ kind: 'awake', early: false }),
  'parking granted': () => ({ kind: 'parking-granted' }),
  'pause recorded': paused('settled'),
  'pause stale': paused('stale'),
  'pause superseded': paused('superseded'),
  returned: () => ({ kind: 'ended', ended: returned }),
  threw: () => ({ kind: 'ended', ended: threw }),
  died: () => ({ kind: 'ended', ended: died }),
  'timed out': () => ({ kind: 'timed-out' }),
  'grace over': () => ({ kind: 'grace-over' }),
  'kill overdue': () => ({ kind: 'kill-overdue' }),
  'fence raised': () => ({ kind: 'fence-raised', verdict: 'settled' }),
  superseded: () => ({ kind: 'superseded', epoch: 0 }),
  unwind: () => ({ kind: 'unwind', why: 'room is needed' }),
  disown: () => ({ kind: 'disown', why: 'the lease is over' }),
  drain: () => ({ kind: 'drain', why: 'the node is shutting down' }),
  'give up': () => ({ kind: 'give-up' }),
  'abandonment recorded': () => ({ kind: 'abandonment-recorded' }),
  recorded: (fence) => ({ kind: 'recorded', fence, verdict: 'settled' }),
} as const satisfies Record<string, (fence: number) => AttemptEvent>

type PhaseName = keyof typeof phases
type EventName = keyof typeof events

type Answers = Readonly<{
  /** The next phase, and the effects. */
  moves: Readonly<Partial<Record<EventName, string>>>
  /** They come, and change nothing. */
  ignored: readonly EventName[]
  /** Nothing can bring them about here; if they came, nothing would happen or the copy would rather stop. */
  impossible: readonly EventName[]
}>

/** Every phase with every event, on a node that can kill the code. */
const table: Readonly<Record<PhaseName, Answers>> = {
  running: {
    moves: {
      asleep: 'suspended: request-parking',
      'row: pause requested': 'running: pause',
      'row: cancel requested': 'stopping (outcome): timer grace, clock linger, abort cancel',
      'row: pause withdrawn': 'running: resume',
      'row: newer fence': 'stopping (nothing): timer grace, clock linger, abort unwind',
      suspended: 'suspended',
      returned: 'recording: timer none, clock disarm, record-end returned null',
      threw: 'recording: timer none, clock disarm, record-end threw null',
      died: 'recording: timer none, clock disarm, record-end died null',
      'timed out': 'stopping (outcome): timer grace, clock linger, abort timeout',
      superseded: 'stopping (nothing): timer grace, clock linger, abort unwind',
      unwind: 'stopping (outcome): timer grace, clock linger, abort unwind',
      disown: 'killing (nothing): timer grace, clock linger, abort unwind, kill, timer kill',
      drain: 'running: pause',
      'give up': 'abandoned: timer none, clock disarm, record-abandoned unwind abandoned',
    },
    ignored: ['sleep over', 'woken early', 'recorded'],
    impossible: [
      'row: fence raised here',
      'adopted',
      'parking granted',
      'pause recorded',
      'pause stale',
      'pause superseded',
      'grace over',
      'kill overdue',
      'fence raised',
      'abandonment recorded',
    ],
  },
  suspended: {
    moves: {
      asleep: 'suspended: request-parking',
      'row: pause requested': 'suspended: pause',
      'row: cancel requested': 'stopping (outcome): timer grace, clock linger, abort cancel',
      'row: pause withdrawn': 'running: resume',
      'row: newer fence': 'stopping (nothing): timer grace, clock linger, abort unwind',
      suspended: 'suspended: request-parking',
      'parking granted': 'parking: clock hold, record-pause 5',
      returned: 'recording: timer none, clock disarm, record-end returned null',
      threw: 'recording: timer none, clock disarm, record-end threw null',
      died: 'recording: timer none, clock disarm, record-end died null',
      'timed out': 'stopping (outcome): timer grace, clock linger, abort timeout',
      superseded: 'stopping (nothing): timer grace, clock linger, abort unwind',
      unwind: 'stopping (outcome): timer grace, clock linger, abort unwind',
      disown: 'killing (nothing): timer grace, clock linger, abort unwind, kill, timer kill',
      drain: 'stopping (outcome): timer grace, clock linger, abort unwind',
      'give up': 'abandoned: timer none, clock disarm, record-abandoned unwind abandoned',
    },
    ignored: ['sleep over', 'woken early'],
    impossible: [
      'row: fence raised here',
      'adopted',
      'pause recorded',
      'pause stale',
      'pause superseded',
      'grace over',
      'kill overdue',
      'fence raised',
      'abandonment recorded',
      'recorded',
    ],
  },
  'suspended in a sleep': {
    moves: {
      'woken early': 'running: resume',
      'sleep over': 'running: resume',
      asleep: 'suspended: request-parking',
      'row: pause requested': 'suspended: pause',
      'row: cancel requested': 'stopping (outcome): timer grace, clock linger, abort cancel',
      'row: pause withdrawn': 'running: resume',
      'row: newer fence': 'stopping (nothing): timer grace, clock linger, abort unwind',
      'parking granted': 'parking: clock hold, record-sleep ',
      returned: 'recording: timer none, clock disarm, record-end returned null',
      threw: 'recording: timer none, clock disarm, record-end threw null',
      died: 'recording: timer none, clock disarm, record-end died null',
      'timed out': 'stopping (outcome): timer grace, clock linger, abort timeout',
      superseded: 'stopping (nothing): timer grace, clock linger, abort unwind',
      unwind: 'stopping (outcome): timer grace, clock linger, abort unwind',
      disown: 'killing (nothing): timer grace, clock linger, abort unwind, kill, timer kill',
      drain: 'stopping (outcome): timer grace, clock linger, abort unwind',
      'give up': 'abandoned: timer none, clock disarm, record-abandoned unwind abandoned',
    },
    ignored: ['suspended'],
    impossible: [
      'row: fence raised here',
      'adopted',
      'pause recorded',
      'pause stale',
      'pause superseded',
      'grace over',
      'kill overdue',
      'fence raised',
      'abandonment recorded',
      'recorded',
    ],
  },
  parking: {
    moves: {
      'woken early': 'parking',
      'row: cancel requested': 'stopping (outcome): timer grace, clock linger, abort cancel',
      'row: newer fence': 'stopping (nothing): timer grace, clock linger, abort unwind',
      adopted: 'running: clock stop, clock start, flush, resume 4',
      'pause recorded': 'parked: clock stop',
      'pause stale': 'running: clock continue, resume',
      'pause superseded': 'stopping (nothing): clock continue, timer grace, clock linger, abort unwind',
      returned: 'parking',
      threw: 'parking',
      died: 'parking',
      unwind: 'stopping (outcome): timer grace, clock linger, abort unwind',
      disown: 'killing (nothing): timer grace, clock linger, abort unwind, kill, timer kill',
      'give up': 'abandoned: timer none, clock disarm, record-abandoned unwind abandoned',
    },
    ignored: ['sleep over', 'row: pause requested', 'row: pause withdrawn', 'superseded', 'drain'],
    impossible: [
      'asleep',
      'row: fence raised here',
      'suspended',
      'parking granted',
      'timed out',
      'grace over',
      'kill overdue',
      'fence raised',
      'abandonment recorded',
      'recorded',
    ],
  },
  parked: {
    moves: {
      'row: cancel requested': 'stopping (outcome): timer grace, clock linger, abort cancel',
      'row: newer fence': 'stopping (nothing): timer grace, clock linger, abort unwind',
      adopted: 'running: clock start, flush, resume 4',
      returned: 'parked: record-end returned null',
      threw: 'parked',
      died: 'recording: timer none, clock disarm, record-unparked its process is gone',
      unwind: 'stopping (unpark): timer grace, clock linger, abort unwind',
      disown: 'killing (nothing): timer grace, clock linger, abort unwind, kill, timer kill',
      drain: 'stopping (unpark): timer grace, clock linger, abort unwind',
      'give up': 'abandoned: timer none, clock disarm, record-abandoned unwind abandoned',
      recorded: 'over: timer none, clock disarm, over',
    },
    ignored: ['sleep over', 'woken early', 'row: pause requested', 'row: pause withdrawn', 'superseded'],
    impossible: [
      'asleep',
      'row: fence raised here',
      'suspended',
      'parking granted',
      'pause recorded',
      'pause stale',
      'pause superseded',
      'timed out',
      'grace over',
      'kill overdue',
      'fence raised',
      'abandonment recorded',
    ],
  },
  'parked asleep': {
    moves: {
      'row: cancel requested': 'stopping (outcome): timer grace, clock linger, abort cancel',
      'row: newer fence': 'stopping (nothing): timer grace, clock linger, abort unwind',
      adopted: 'running: clock start, flush, resume 4',
      returned: 'parked: record-end returned null',
      threw: 'parked: record-awake',
      'woken early': 'parked: record-awake',
      died: 'recording: timer none, clock disarm, record-unparked its process is gone',
      unwind: 'stopping (unpark): timer grace, clock linger, abort unwind',
      disown: 'killing (nothing): timer grace, clock linger, abort unwind, kill, timer kill',
      drain: 'stopping (unpark): timer grace, clock linger, abort unwind',
      'give up': 'abandoned: timer none, clock disarm, record-abandoned unwind abandoned',
      recorded: 'over: timer none, clock disarm, over',
    },
    ignored: ['sleep over', 'row: pause requested', 'row: pause withdrawn', 'superseded'],
    impossible: [
      'asleep',
      'row: fence raised here',
      'suspended',
      'parking granted',
      'pause recorded',
      'pause stale',
      'pause superseded',
      'timed out',
      'grace over',
      'kill overdue',
      'fence raised',
      'abandonment recorded',
    ],
  },
  'stopping to cancel': {
    moves: {
      'row: cancel requested': 'stopping (outcome): timer grace',
      'row: newer fence': 'stopping (nothing)',
      'pause recorded': 'stopping (outcome): clock stop, clock linger',
      'pause stale': 'stopping (outcome): clock linger',
      'pause superseded': 'stopping (outcome): clock linger',
      returned: 'recording: timer none, clock disarm, record-end returned cancel',
      threw: 'recording: timer none, clock disarm, record-end threw cancel',
      died: 'recording: timer none, clock disarm, record-end died cancel',
      'grace over': 'fencing (outcome): warn killed, raise-fence',
      superseded: 'stopping (nothing)',
      disown: 'killing (nothing): kill, timer kill',
      'give up': 'abandoned: timer none, clock disarm, record-abandoned unwind abandoned',
    },
    ignored: [
      'asleep',
      'sleep over',
      'woken early',
      'row: pause requested',
      'suspended',
      'unwind',
      'drain',
      'recorded',
    ],
    impossible: [
      'row: pause withdrawn',
      'row: fence raised here',
      'adopted',
      'parking granted',
      'timed out',
      'kill overdue',
      'fence raised',
      'abandonment recorded',
    ],
  },
  'stopping to unwind a parked copy': {
    moves: {
      'row: cancel requested': 'stopping (unpark): timer grace',
      'row: newer fence': 'stopping (nothing)',
      returned: 'recording: timer none, clock disarm, record-end returned unwind',
      threw: 'recording: timer none, clock disarm, record-unparked it drains',
      died: 'recording: timer none, clock disarm, record-unparked it drains',
      'grace over': 'killing (unpark): warn killed, kill, timer kill',
      superseded: 'stopping (nothing)',
      disown: 'killing (nothing): kill, timer kill',
      'give up': 'abandoned: timer none, clock disarm, record-abandoned unwind abandoned',
    },
    ignored: [
      'asleep',
      'sleep over',
      'woken early',
      'row: pause requested',
      'suspended',
      'unwind',
      'drain',
      'recorded',
    ],
    impossible: [
      'row: pause withdrawn',
      'row: fence raised here',
      'adopted',
      'parking granted',
      'pause recorded',
      'pause stale',
      'pause superseded',
      'timed out',
      'kill overdue',
      'fence raised',
      'abandonment recorded',
    ],
  },
  fencing: {
    moves: {
      'row: cancel requested': 'fencing (outcome)',
      'row: newer fence': 'fencing (nothing)',
      'row: fence raised here': 'fencing (outcome)',
      'pause recorded': 'fencing (outcome): clock stop',
      returned: 'fencing (outcome): clock hold',
      threw: 'fencing (outcome): clock hold',
      died: 'fencing (outcome): clock hold',
      'fence raised': 'killing (outcome): kill, timer kill',
      disown: 'fencing (nothing)',
      'give up': 'abandoned: timer none, clock disarm, record-abandoned unwind abandoned',
    },
    ignored: [
      'asleep',
      'sleep over',
      'woken early',
      'row: pause requested',
      'suspended',
      'pause stale',
      'pause superseded',
      'superseded',
      'unwind',
      'drain',
    ],
    impossible: [
      'row: pause withdrawn',
      'adopted',
      'parking granted',
      'timed out',
      'grace over',
      'kill overdue',
      'abandonment recorded',
      'recorded',
    ],
  },
  killing: {
    moves: {
      'row: cancel requested': 'killing (outcome)',
      'row: newer fence': 'killing (nothing)',
      'row: fence raised here': 'killing (nothing)',
      'pause recorded': 'killing (outcome): clock stop',
      returned: 'recording: timer none, clock disarm, record-end returned cancel',
      threw: 'recording: timer none, clock disarm, record-end threw cancel',
      died: 'recording: timer none, clock disarm, record-end died cancel',
      'kill overdue': 'abandoned: timer none, clock disarm, record-abandoned cancel killed',
      superseded: 'killing (nothing)',
      disown: 'killing (nothing)',
      'give up': 'abandoned: timer none, clock disarm, record-abandoned unwind abandoned',
    },
    ignored: [
      'asleep',
      'sleep over',
      'woken early',
      'row: pause requested',
      'suspended',
      'pause stale',
      'pause superseded',
      'fence raised',
      'unwind',
      'drain',
    ],
    impossible: [
      'row: pause withdrawn',
      'adopted',
      'parking granted',
      'timed out',
      'grace over',
      'abandonment recorded',
      'recorded',
    ],
  },
  abandoned: {
    moves: {
      'pause recorded': 'abandoned: clock stop',
      returned: 'recording: timer none, clock disarm, record-slot-released',
      threw: 'recording: timer none, clock disarm, record-slot-released',
      died: 'recording: timer none, clock disarm, record-slot-released',
      'abandonment recorded': 'abandoned: kill',
    },
    ignored: [
      'asleep',
      'sleep over',
      'woken early',
      'disown',
      'row: pause requested',
      'row: cancel requested',
      'row: pause withdrawn',
      'row: newer fence',
      'suspended',
      'pause stale',
      'pause superseded',
      'fence raised',
      'superseded',
      'unwind',
      'drain',
      'give up',
    ],
    impossible: [
      'row: fence raised here',
      'adopted',
      'parking granted',
      'timed out',
      'grace over',
      'kill overdue',
      'recorded',
    ],
  },
  recording: {
    moves: {
      'pause recorded': 'recording: clock stop',
      recorded: 'over: over',
    },
    ignored: [
      'disown',
      'row: pause requested',
      'row: cancel requested',
      'row: pause withdrawn',
      'row: newer fence',
      'pause stale',
      'pause superseded',
      'superseded',
      'unwind',
      'drain',
      'give up',
      'abandonment recorded',
    ],
    impossible: [
      'asleep',
      'sleep over',
      'woken early',
      'row: fence raised here',
      'adopted',
      'suspended',
      'parking granted',
      'returned',
      'threw',
      'died',
      'timed out',
      'grace over',
      'kill overdue',
      'fence raised',
    ],
  },
  over: {
    moves: {
      'pause recorded': 'over: clock stop',
    },
    ignored: [
      'disown',
      'row: pause requested',
      'row: cancel requested',
      'row: pause withdrawn',
      'row: newer fence',
      'pause stale',
      'pause superseded',
      'superseded',
      'unwind',
      'drain',
      'give up',
      'abandonment recorded',
      'recorded',
    ],
    impossible: [
      'asleep',
      'sleep over',
      'woken early',
      'row: fence raised here',
      'adopted',
      'suspended',
      'parking granted',
      'returned',
      'threw',
      'died',
      'timed out',
      'grace over',
      'kill overdue',
      'fence raised',
    ],
  },
}

describe('an attempt', () => {
  for (const phase of Object.keys(phases) as PhaseName[]) {
    describe(`that is ${phase}`, () => {
      const { moves, ignored, impossible } = table[phase]

      test('handles every event, exactly once', () => {
        const answered = [...Object.keys(moves), ...ignored, ...impossible]
        expect(answered.toSorted()).toEqual(Object.keys(events).toSorted())
      })

      test.each(Object.entries(moves))('%s: %s', (name, expected) => {
        expect(shown(from(phase), name as EventName)).toBe(expected)
      })

      test.each(ignored)('ignores %s', (name) => {
        const state = from(phase)
        const { state: next, effects } = step(state, events[name](state.fence), here)
        expect(next.phase).toEqual(state.phase)
        expect(effects).toEqual([])
      })

      test.each(impossible)('survives %s, which cannot occur', (name) => {
        const state = from(phase)
        const { state: next } = step(state, events[name](state.fence), here)
        if (!isAlive(state)) expect(isAlive(next)).toBe(false)
        if (phase === 'abandoned') expect(['abandoned', 'recording']).toContain(next.phase.name)
      })
    })
  }
})

describe('where code cannot be killed', () => {
  test('a cancel abandons it after the grace period', () => {
    expect(shown(from('stopping to cancel'), 'grace over', inline)).toBe(
      'abandoned: warn abandoned, timer none, clock disarm, record-abandoned cancel abandoned',
    )
  })

  test('an unwound copy may take its time', () => {
    expect(shown(from('running'), 'unwind', inline)).toBe('stopping (outcome): clock linger, abort unwind')
    expect(shown(from('stopping to unwind a parked copy'), 'grace over', inline)).toBe('stopping (unpark)')
  })
})

describe('events that arrive too early wait', () => {
  test('code that ended while its pause was written is recorded by the next claim', () => {
    const { states, effects } = run(from('parking'), ['threw', 'pause recorded', 'adopted'])
    expect(states).toEqual(['parking', 'parked', 'recording'])
    expect(effects.at(-1)).toMatchObject({ kind: 'record-end', ended: threw, stop: null })
  })

  test('code that ended while its fence was raised is recorded under the new fence', () => {
    const { states, effects } = run(from('fencing'), ['returned', 'row: fence raised here', 'fence raised'])
    expect(states).toEqual(['fencing', 'fencing', 'recording'])
    expect(effects.map(({ kind }) => kind)).toEqual([
      'clock',
      'kill',
      'timer',
      'timer',
      'clock',
      'record-end',
    ])
  })

  test('a node that drains while a pause is written unwinds the parked copy', () => {
    const { states } = run(from('parking'), ['drain', 'pause recorded'])
    expect(states).toEqual(['parking', 'stopping'])
  })

  test('a sleep that another part of the handler ends while it is written is taken back then', () => {
    const sleeping = step(from('suspended in a sleep'), events['parking granted'](), here).state
    const awake = step(sleeping, events['woken early'](), here).state
    const { state } = step(awake, newer({ status: 'waiting' })(), here)
    const { effects } = step(state, events['pause recorded'](3), here)
    expect(effects.at(-1)).toEqual({ kind: 'record-awake' })
  })

  test('a node that drains while a sleep waits for its place stores the sleep first', () => {
    const drained = step(started(row(), 'the node is shutting down'), events.asleep(), here)
    expect(drained.effects).toEqual([{ kind: 'request-parking' }])
    const parking = step(drained.state, events['parking granted'](), here)
    expect(parking.effects.at(-1)).toMatchObject({ kind: 'record-sleep' })
    expect(step(parking.state, events['pause recorded'](3), here).state.phase.name).toBe('stopping')
  })

  test('the result of a pause that was overtaken by a claim is ignored', () => {
    const adopted = step(from('parking'), events.adopted(), here).state
    const { state, effects } = step(adopted, events['pause recorded'](3), here)
    expect(state).toEqual(adopted)
    expect(effects).toEqual([])
  })

  test('an outdated copy writes nothing when it ends', () => {
    const { effects } = run(from('running'), ['row: newer fence', 'returned'])
    expect(effects.filter(({ kind }) => kind.startsWith('record'))).toEqual([])
    expect(effects.at(-1)).toEqual({ kind: 'over' })
  })

  test('a save that the own raised fence has outdated keeps nothing from being recorded, before and after its answer', () => {
    const late = { kind: 'superseded', epoch: from('fencing').suspensionEpoch } as const
    const before = step(from('fencing'), late, here).state
    const raised = step(before, events['fence raised'](), here).state
    const after = step(raised, late, here).state
    expect(step(after, events.died(), here).effects.at(-1)).toMatchObject({ kind: 'record-end' })
  })

  test('a pause recorded while the copy unwound is withdrawn from the row', () => {
    const unwinding = step(from('parking'), events.unwind(), here).state
    const { state } = step(unwinding, events.threw(), here)
    const refused = step(state, { kind: 'recorded', fence: 3, verdict: 'superseded' }, here)
    expect(refused.effects.at(-1)).toMatchObject({ kind: 'record-unparked', why: 'room is needed' })
    expect(step(refused.state, events.recorded(3), here).state.phase.name).toBe('over')
  })
})

describe('in any order of events', () => {
  const names = Object.keys(events) as EventName[]
  const orders = fc.array(fc.constantFrom(...names), { maxLength: 40 })
  const contexts = fc.constantFrom(here, inline)

  test('an attempt keeps its invariants', () => {
    fc.assert(
      fc.property(orders, contexts, (order, context) => {
        let state = started(row())
        let stopped = false
        let over = 0
        for (const name of order) {
          if (name === 'adopted' && !canAdopt(state, state.fence)) continue
          const before = state
          const { state: next, effects } = step(before, eventOf(name, before), context)
          stopped ||= !isAlive(next)
          over += effects.filter(({ kind }) => kind === 'over').length
          expect(next.fence).toBeGreaterThanOrEqual(before.fence)
          expect(next.row.version).toBeGreaterThanOrEqual(before.row.version)
          // Code that has stopped never runs again, and nothing more is asked of it.
          if (stopped) {
            expect(isAlive(next)).toBe(false)
            expect(holdsSlot(next)).toBe(false)
          }
          if (!isAlive(before)) {
            for (const { kind } of effects) expect(['pause', 'resume', 'abort', 'kill']).not.toContain(kind)
          }
          if (next.phase.name === 'parked') expect(holdsSlot(next)).toBe(false)
          if (!context.canKill) expect(effects.map(({ kind }) => kind)).not.toContain('kill')
          state = next
        }
        expect(over).toBe(state.phase.name === 'over' ? 1 : 0)
      }),
      { seed: 20_261_129, numRuns: 5_000 },
    )
  })

  test('an attempt whose code has stopped and whose writes have returned is over', () => {
    fc.assert(
      fc.property(orders, contexts, (order, context) => {
        let state = started(row())
        for (const name of order) {
          if (name === 'adopted' && !canAdopt(state, state.fence)) continue
          state = step(state, eventOf(name, state), context).state
        }
        const answers: EventName[] = ['pause recorded', 'fence raised', 'unwind', 'returned', 'fence raised']
        for (const name of [...answers, 'recorded', 'recorded'] as const) {
          state = step(state, eventOf(name, state), context).state
        }
        expect(state.phase.name).toBe('over')
      }),
      { seed: 20_261_129, numRuns: 5_000 },
    )
  })
})

function from(name: PhaseName): AttemptState {
  const [phase, status] = phases[name]
  return { row: row({ status }), fence: 3, suspensionEpoch: 0, drain: null, phase }
}

/** The event as it would come after this state: rows are newer than the last, claims have a higher fence. */
function eventOf(name: EventName, { row: { version }, fence, suspensionEpoch }: AttemptState): AttemptEvent {
  const event = events[name](fence) as AttemptEvent
  if (event.kind === 'row' || event.kind === 'adopted') {
    const raised = event.row.fence > 3 ? fence + 1 : fence
    return { ...event, row: { ...event.row, version: version + 1, fence: raised } }
  }
  return event.kind === 'superseded' ? { ...event, epoch: suspensionEpoch } : event
}

function run(first: AttemptState, order: readonly EventName[]) {
  const effects: Effect[] = []
  const states: string[] = []
  let state = first
  for (const name of order) {
    const next = step(state, events[name](state.fence), here)
    state = next.state
    effects.push(...next.effects)
    states.push(state.phase.name)
  }
  return { states, effects }
}

function shown(state: AttemptState, name: EventName, context = here): string {
  const { state: next, effects } = step(state, events[name](state.fence), context)
  const { phase } = next
  const writes = 'writes' in phase ? ` (${phase.writes})` : ''
  const list = effects.map(effectText).join(', ')
  return `${phase.name}${writes}${list === '' ? '' : `: ${list}`}`
}

function effectText({ kind, ...rest }: Effect): string {
  const words = Object.values(rest).map((value: unknown) =>
    typeof value === 'object' && value !== null ? ((value as { kind?: string }).kind ?? '') : String(value),
  )
  return [kind, ...words].join(' ')
}
