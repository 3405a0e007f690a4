import { expect, test } from 'vitest'
import { PendingWrites } from './pending-writes.ts'

test('a durable checkpoint is not undone by an older one whose save fails after it', () => {
  const pendingWrites = new PendingWrites()
  pendingWrites.keep('buffered')
  expect(pendingWrites.send()).toEqual({ checkpoint: 'buffered' })
  const durable = pendingWrites.write('durable')
  pendingWrites.stored(durable)
  expect(pendingWrites.take().documents).toEqual({})
  pendingWrites.giveBack()
  expect(pendingWrites.take().documents).toEqual({})
})

test('a checkpoint that arrives while a durable one is being written is kept', () => {
  const pendingWrites = new PendingWrites()
  const durable = pendingWrites.write('durable')
  pendingWrites.keep('newer')
  pendingWrites.stored(durable)
  expect(pendingWrites.take().documents).toEqual({ checkpoint: 'newer' })
})

test('a retried durable checkpoint finds that a newer one was saved in the meantime', () => {
  const pendingWrites = new PendingWrites()
  const durable = pendingWrites.write('durable')
  pendingWrites.keep('newer')
  pendingWrites.send()
  expect(pendingWrites.isOutdated(durable)).toBe(false)
  pendingWrites.saved()
  expect(pendingWrites.isOutdated(durable)).toBe(true)
})

test('what could not be saved waits for the next save, unless it was replaced', () => {
  const pendingWrites = new PendingWrites()
  pendingWrites.keep('first')
  pendingWrites.progress = { current: 1, at: 0 }
  pendingWrites.send()
  pendingWrites.progress = { current: 2, at: 0 }
  pendingWrites.giveBack()
  expect(pendingWrites.take().documents).toEqual({ checkpoint: 'first', progress: { current: 2, at: 0 } })
  expect(pendingWrites.isEmpty).toBe(true)
})

test('an older checkpoint is not sent after a durable one that is still being written', () => {
  const pendingWrites = new PendingWrites()
  pendingWrites.keep('older')
  const durable = pendingWrites.write('durable')
  pendingWrites.progress = { current: 1, at: 0 }
  expect(pendingWrites.send()).toEqual({ progress: { current: 1, at: 0 } })
  pendingWrites.saved()
  pendingWrites.withdraw(durable)
  expect(pendingWrites.send()).toEqual({ checkpoint: 'older' })
})

test('a settlement includes the durable checkpoint that is still being written', () => {
  const pendingWrites = new PendingWrites()
  pendingWrites.keep('older')
  pendingWrites.write('durable')
  expect(pendingWrites.take().documents).toEqual({ checkpoint: 'durable' })
})

test('a save that fails after a settlement does not bring back an older checkpoint', () => {
  const pendingWrites = new PendingWrites()
  pendingWrites.keep('older')
  pendingWrites.send()
  pendingWrites.keep('newer')
  const taken = pendingWrites.take()
  pendingWrites.giveBack()
  pendingWrites.stored(taken.number)
  expect(pendingWrites.isEmpty).toBe(true)
})

test('what a settlement took is kept if it was not recorded', () => {
  const pendingWrites = new PendingWrites()
  pendingWrites.keep('only')
  pendingWrites.addLine({ at: 0, attempt: 1, text: 'line' })
  const taken = pendingWrites.take()
  expect(pendingWrites.isEmpty).toBe(true)
  pendingWrites.putBack(taken)
  expect(pendingWrites.send()).toEqual({ checkpoint: 'only', log: [{ at: 0, attempt: 1, text: 'line' }] })
})

test('a save that fails while a settlement with a newer checkpoint is in doubt is not repeated', () => {
  const pendingWrites = new PendingWrites()
  pendingWrites.keep('older')
  pendingWrites.send()
  pendingWrites.keep('newer')
  const taken = pendingWrites.take()
  pendingWrites.giveBack()
  expect(pendingWrites.send()).toEqual({})
  pendingWrites.putBack(taken)
  expect(pendingWrites.send()).toEqual({ checkpoint: 'newer' })
})

test('a settlement includes the checkpoint of an earlier one that is in doubt', () => {
  const pendingWrites = new PendingWrites()
  pendingWrites.keep('older')
  pendingWrites.send()
  pendingWrites.keep('newer')
  pendingWrites.take()
  expect(pendingWrites.take().documents).toEqual({ checkpoint: 'newer' })
})
