import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Output } from './output.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A disk or a pipe that takes so many bytes, and then nothing. */
function place(room: number) {
  const taken = { text: '', room }
  const output = new Output((bytes) => {
    if (taken.room === 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    const part = Math.min(taken.room, bytes.length, 10)
    taken.room -= part
    taken.text += Buffer.from(bytes.subarray(0, part)).toString()
    return part
  })
  return { output, taken }
}

test('lines are written completely and in order, however little is accepted at once', () => {
  const { output, taken } = place(1_000)
  for (const line of ['a first line\n', 'and another line\n']) output.write(line)
  expect(taken.text).toBe('a first line\nand another line\n')
})

test('lines without room wait', () => {
  const { output, taken } = place(4)
  for (const line of ['first\n', 'second\n']) output.write(line)
  expect(taken.text).toBe('firs')
  taken.room = 1_000
  vi.advanceTimersByTime(100)
  expect(taken.text).toBe('first\nsecond\n')
})

test('lines without room for long are dropped and counted', () => {
  const { output, taken } = place(0)
  for (let at = 0; at < 3; at++) output.write(`${'x'.repeat(500_000)}\n`)
  taken.room = 10_000_000
  vi.advanceTimersByTime(100)
  expect(taken.text).toHaveLength(2 * 500_001 + taken.text.split('\n').at(-2)!.length + 1)
  expect(taken.text).toContain('1 lines of the log were left out')
})
