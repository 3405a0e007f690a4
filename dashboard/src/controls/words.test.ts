import { expect, test } from 'vitest'
import { effectOn } from './words.ts'

test('a pause of what waits is told apart from one of what runs', () => {
  expect(effectOn('pause', { status: 'queued', checkpoint: null })).toContain('at once')
  expect(effectOn('pause', { status: 'running', checkpoint: { next: 1 } })).toContain('next pause point')
})

test('who pauses a task without a checkpoint is warned', () => {
  expect(effectOn('pause', { status: 'running', checkpoint: null })).toContain('begins anew')
  expect(effectOn('pause', { status: 'running', checkpoint: {} })).toContain('is kept')
})

test('a retry says where it begins', () => {
  expect(effectOn('retry', { status: 'failed', checkpoint: null })).toContain('from the start')
  expect(effectOn('retry', { status: 'failed', checkpoint: 3 })).toContain('last checkpoint')
})
