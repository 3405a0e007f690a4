import { expect, test } from 'vitest'
import { effectOn } from './words.ts'

test('the effect of a pause differs for waiting and running tasks', () => {
  expect(effectOn('pause', { status: 'queued', checkpoint: null })).toContain('immediately')
  expect(effectOn('pause', { status: 'running', checkpoint: { next: 1 } })).toContain('next pause point')
})

test('pausing a task without a checkpoint shows a warning', () => {
  expect(effectOn('pause', { status: 'running', checkpoint: null })).toContain('starts over')
  expect(effectOn('pause', { status: 'running', checkpoint: {} })).toContain('survives restarts')
})

test('a retry says where it starts', () => {
  expect(effectOn('retry', { status: 'failed', checkpoint: null })).toContain('from the start')
  expect(effectOn('retry', { status: 'failed', checkpoint: 3 })).toContain('last checkpoint')
})
