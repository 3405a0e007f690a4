import { expect, test } from 'vitest'
import { paceWords, progressWords } from './progress.ts'

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
