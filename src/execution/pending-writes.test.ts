import { expect, test } from 'vitest'
import { PendingWrites } from './pending-writes.ts'

test('a durable checkpoint is not undone by an older one whose save fails after it', () => {
  const pendingWrites = new PendingWrites()
  pendingWrites.keep('buffered')
  expect(pendingWrites.send()).toEqual({ checkpoint: 'buffered' })
  const durable = pendingWrites.next()
  pendingWrites.stored(durable)
  expect(pendingWrites.take()).toEqual({})
  pendingWrites.giveBack()
  expect(pendingWrites.take()).toEqual({})
})

test('a checkpoint that arrives while a durable one is being written is kept', () => {
  const pendingWrites = new PendingWrites()
  const durable = pendingWrites.next()
  pendingWrites.keep('newer')
  pendingWrites.stored(durable)
  expect(pendingWrites.take()).toEqual({ checkpoint: 'newer' })
})

test('a retried durable checkpoint finds that a newer one was saved in the meantime', () => {
  const pendingWrites = new PendingWrites()
  const durable = pendingWrites.next()
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
  expect(pendingWrites.take()).toEqual({ checkpoint: 'first', progress: { current: 2, at: 0 } })
  expect(pendingWrites.isEmpty).toBe(true)
})
