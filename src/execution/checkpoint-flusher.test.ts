import { expect, test } from 'vitest'
import { FakeClock } from '../testing/clock.ts'
import type { Store } from '../store/store.ts'
import { CheckpointFlusher, type Savable } from './checkpoint-flusher.ts'
import { PendingWrites } from './pending-writes.ts'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

/** A run, and a saver whose store answers when it is told to. */
function scene() {
  const refused: number[] = []
  const unsaved = new PendingWrites()
  const run: Savable = {
    id: 'task',
    fence: 1,
    suspensionEpoch: 1,
    unsaved,
    superseded: (suspensionEpoch = 0) => void refused.push(suspensionEpoch),
  }
  const { promise, resolve } = Promise.withResolvers<readonly boolean[]>()
  const store = { save: () => promise } as unknown as Store
  const saver = new CheckpointFlusher(store, { node: 'node', mayStart: true }, new FakeClock(), quiet)
  return { run, saver, refused, answer: (held: boolean) => resolve([held]) }
}

test('a settlement brings what a save on its way has taken: it may be recorded first', async () => {
  const { run, saver, answer } = scene()
  run.unsaved.keep('1')
  saver.add(run)
  const flushed = saver.flush()
  await Promise.resolve()
  expect(run.unsaved.take()).toEqual({ checkpoint: '1' })
  run.unsaved.keep('2')
  expect(run.unsaved.take()).toEqual({ checkpoint: '2' })
  answer(true)
  await flushed
  expect(run.unsaved.take()).toEqual({})
})

test('a save that is refused tells in which suspensionEpoch it was sent: the task may have been paused since', async () => {
  const { run, saver, refused, answer } = scene()
  run.unsaved.keep('1')
  saver.add(run)
  const flushed = saver.flush()
  await Promise.resolve()
  Object.assign(run, { suspensionEpoch: 2 })
  answer(false)
  await flushed
  expect(refused).toEqual([1])
  expect(run.unsaved.take()).toEqual({ checkpoint: '1' })
})

test('a run whose save waits keeps no other run waiting', async () => {
  const clock = new FakeClock()
  const saved: string[] = []
  const store = {
    save: (_: string, saves: readonly { id: string }[]) => {
      saved.push(...saves.map(({ id }) => id))
      const isHeld = saves.some(({ id }) => id === 'held')
      return isHeld ? new Promise(() => {}) : Promise.resolve(saves.map(() => true))
    },
  } as unknown as Store
  const saver = new CheckpointFlusher(store, { node: 'node', mayStart: true }, clock, quiet)
  const runs = ['held', 'free'].map((id) => ({
    id,
    fence: 1,
    suspensionEpoch: 1,
    unsaved: new PendingWrites(),
    superseded() {},
  }))
  for (const state of ['1', '2']) {
    for (const run of runs) {
      run.unsaved.keep(state)
      saver.add(run)
    }
    await clock.advance(100)
  }
  expect(saved).toEqual(['held', 'free', 'free'])
})
