import { expect, test } from 'vitest'
import { FakeClock } from '../../testing/clock.ts'
import { Backlog } from './backlog.ts'
import { Lines } from './command/lines.ts'
import { ProgressRate } from './progress-rate.ts'
import { outputKept, OutputParser } from './command/output-parser.ts'

/** A text whose unit number `length` is the first half of a character. */
const until = (length: number) => `${'x'.repeat(length - 1)}😀`

test('the message of a progress never ends in half a character', () => {
  const { message } = new ProgressRate(new FakeClock()).report(1, 2, until(1_000))
  expect(message).toBe(`${'x'.repeat(999)}…`)
})

test('a line of the log never ends in half a character', () => {
  const backlog = new Backlog()
  backlog.add(`${'x'.repeat(1_023)}😀${'y'.repeat(2_000)}😀${'z'.repeat(3_070)}`)
  backlog.add('\ud83d')
  expect(backlog.take(true).lines).toEqual([`${'x'.repeat(1_023)}…${'z'.repeat(3_070)}`, '\ufffd'])
})

test('neither the last lines of a command nor its output are cut inside a character', () => {
  const parser = new OutputParser()
  const line = { cut: false, ended: true }
  parser.hear('stderr', `x😀${'y'.repeat(998)}`, line)
  parser.hear('stdout', `😀${'x'.repeat(outputKept - 1)}`, line)
  expect(parser.lastError).toBe(`…${'y'.repeat(998)}`)
  expect(parser.output).toBe(`${'x'.repeat(outputKept - 1)}\n`)
})

test('a line that is too long is not cut inside a character', () => {
  const lines: string[] = []
  const reader = new Lines((text) => void lines.push(text))
  const longest = 11 * 1_048_576
  reader.add(Buffer.from(`${until(longest)}\n`))
  expect(lines).toHaveLength(1)
  expect(lines[0]!.isWellFormed()).toBe(true)
  expect(lines[0]!.length).toBe(longest - 1)
})
