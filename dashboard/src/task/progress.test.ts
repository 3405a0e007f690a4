import { expect, test } from 'vitest'
import { paceWords, progressWords, shownProgress } from './progress.ts'

const progress = { current: 7, total: 20, message: null, ratio: 0.35, rate: 2.5, eta_seconds: 5.2 }

test('progress shows the percentage and the message of the handler', () => {
  expect(progressWords(progress)).toBe('35% · 7 of 20')
  expect(progressWords({ ...progress, message: 'Sorting' })).toBe('35% · Sorting')
  expect(progressWords({ ...progress, total: null, ratio: null })).toBe('7')
  expect(progressWords(null)).toBeUndefined()
})

test('progress rounds down, so only finished work shows 100%', () => {
  expect(progressWords({ ...progress, ratio: 0.999 })).toContain('99%')
})

test('rate and time left are shown as far as they are known', () => {
  expect(paceWords(progress)).toBe('2.5/s · 5.2 s left')
  expect(paceWords({ ...progress, rate: null, eta_seconds: null })).toBe('')
})

test('a completed task is done, whatever it reported last', () => {
  const progress = { current: 95, total: 100, message: 'Step 95', ratio: 0.95, rate: 2, eta_seconds: 2.5 }
  expect(progressWords(shownProgress({ status: 'completed', progress }))).toBe('100%')
  expect(shownProgress({ status: 'running', progress })).toBe(progress)
  const whole = { ...progress, current: 100, ratio: 1, message: 'Added' }
  expect(progressWords(shownProgress({ status: 'completed', progress: whole }))).toBe('100% · Added')
})
