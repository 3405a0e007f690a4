import { expect, test } from 'vitest'
import { FakeClock } from '../testing/clock.ts'
import type { Store } from '../store/store.ts'
import { CheckpointFlusher, type Savable } from './checkpoint-flusher.ts'
import { PendingWrites } from './pending-writes.ts'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

/** A run, and a flusher whose store answers when it is told to. */
function scene() {
  const refused: number[] = []
  const pendingWrites = new PendingWrites()
  const run: Savable = {
    id: 'task',
    fence: 1,
    suspensionEpoch: 1,
    pendingWrites,
    superseded: (suspensionEpoch = 0) => void refused.push(suspensionEpoch),
  }
  const { promise, resolve } = Promise.withResolvers<readonly boolean[]>()
  const store = { save: () => promise } as unknown as Store
  const flusher = new CheckpointFlusher(store, { node: 'node', mayStart: true }, new FakeClock(), quiet)
  return { run, flusher, refused, answer: (held: boolean) => resolve([held]) }
}

test('a settlement includes what a pending save contains, since it may be recorded first', async () => {
  const { run, flusher, answer } = scene()
  run.pendingWrites.keep('1')
  flusher.add(run)
  const flushed = flusher.flush()
  await Promise.resolve()
  expect(run.pendingWrites.take().documents).toEqual({ checkpoint: '1' })
  run.pendingWrites.keep('2')
  expect(run.pendingWrites.take().documents).toEqual({ checkpoint: '2' })
  answer(true)
  await flushed
  run.pendingWrites.stored(2)
  expect(run.pendingWrites.take().documents).toEqual({})
})

test('a refused save reports its suspension epoch, since the task may have been paused since', async () => {
  const { run, flusher, refused, answer } = scene()
  run.pendingWrites.keep('1')
  flusher.add(run)
  const flushed = flusher.flush()
  await Promise.resolve()
  Object.assign(run, { suspensionEpoch: 2 })
  answer(false)
  await flushed
  expect(refused).toEqual([1])
  expect(run.pendingWrites.take().documents).toEqual({ checkpoint: '1' })
})

test('a run whose save waits delays no other run', async () => {
  const clock = new FakeClock()
  const saved: string[] = []
  const store = {
    save: (_: string, saves: readonly { id: string }[]) => {
      saved.push(...saves.map(({ id }) => id))
      const isHeld = saves.some(({ id }) => id === 'held')
      return isHeld ? new Promise(() => {}) : Promise.resolve(saves.map(() => true))
    },
  } as unknown as Store
  const flusher = new CheckpointFlusher(store, { node: 'node', mayStart: true }, clock, quiet)
  const runs = ['held', 'free'].map((id) => ({
    id,
    fence: 1,
    suspensionEpoch: 1,
    pendingWrites: new PendingWrites(),
    superseded() {},
  }))
  for (const state of ['1', '2']) {
    for (const run of runs) {
      run.pendingWrites.keep(state)
      flusher.add(run)
    }
    await clock.advance(100)
  }
  expect(saved).toEqual(['held', 'free', 'free'])
})
