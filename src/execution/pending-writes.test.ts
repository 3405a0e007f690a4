import { expect, test } from 'vitest'
import { PendingWrites } from './pending-writes.ts'

test('a durable checkpoint is not undone by an older one whose save fails after it', () => {
  const unsaved = new PendingWrites()
  unsaved.keep('buffered')
  expect(unsaved.send()).toEqual({ checkpoint: 'buffered' })
  const durable = unsaved.next()
  unsaved.stored(durable)
  expect(unsaved.take()).toEqual({})
  unsaved.giveBack()
  expect(unsaved.take()).toEqual({})
})

test('a checkpoint that comes while a durable one is being written is kept', () => {
  const unsaved = new PendingWrites()
  const durable = unsaved.next()
  unsaved.keep('newer')
  unsaved.stored(durable)
  expect(unsaved.take()).toEqual({ checkpoint: 'newer' })
})

test('a durable checkpoint that is tried again finds that a newer one was saved meanwhile', () => {
  const unsaved = new PendingWrites()
  const durable = unsaved.next()
  unsaved.keep('newer')
  unsaved.send()
  expect(unsaved.isOutdated(durable)).toBe(false)
  unsaved.saved()
  expect(unsaved.isOutdated(durable)).toBe(true)
})

test('what could not be saved waits for the next save, unless something newer has come', () => {
  const unsaved = new PendingWrites()
  unsaved.keep('first')
  unsaved.progress = { current: 1, at: 0 }
  unsaved.send()
  unsaved.progress = { current: 2, at: 0 }
  unsaved.giveBack()
  expect(unsaved.take()).toEqual({ checkpoint: 'first', progress: { current: 2, at: 0 } })
  expect(unsaved.isEmpty).toBe(true)
})
