import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { v7 } from 'uuid'
import { Chance } from '../../test/support/chance.ts'
import { idPartOf, isNamedBy, endingWriter, rangesOf } from './short-id.ts'

const chance = new Chance(1)
const id = '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31'

function idAt(msecs: number, seq: number, write = endingWriter()): string {
  const random = new Uint8Array(16)
  random[12] = chance.between(0, 255)
  random[13] = chance.between(0, 255)
  write(random, msecs)
  return v7({ random, msecs, seq })
}

/** How many endings of eight digits are those of an earlier id. */
function repeated(times: readonly number[]): number {
  const write = endingWriter()
  return times.length - new Set(times.map((msecs, seq) => idAt(msecs, seq, write).slice(-8))).size
}

describe('a part of an id', () => {
  test.each([
    ['019a3c', true],
    ['019a3c5e-7d2b', true],
    ['019a3c5e7d2b7c', true],
    ['019A3C5E', true],
    ['7d5c31', true],
    ['2b7d5c31', true],
    ['...2b7d5c31', true],
    ['…2b7d5c31', true],
    ['9a610f8e2b7d5c31', true],
    ['61-0f8e2b7d5c31', true],
    [id.replaceAll('-', ''), true],
    [id.toUpperCase(), true],
    ['...019a3c', false],
    ['a3c5e7', false],
    ['7d5c32', false],
  ])('%s: names its task %s', (text, named) => {
    expect(isNamedBy(id, idPartOf(text)!)).toBe(named)
  })

  test.each([
    id,
    '',
    '12345',
    '019a-',
    '12345-',
    '7d5c3g',
    '--7d5c31',
    '....7d5c31',
    '..7d5c31',
    'id-1',
    `${id}0`,
  ])('%j is none', (text) => {
    expect(idPartOf(text)).toBeUndefined()
  })

  test('of an id is also found by it', () => {
    fc.assert(
      fc.property(fc.uuid({ version: 7 }), fc.integer({ min: 6, max: 31 }), (whole, length) => {
        const digits = whole.replaceAll('-', '')
        for (const text of [digits.slice(0, length), digits.slice(-length), `...${whole.slice(-length - 4)}`])
          expect(isNamedBy(whole, idPartOf(text)!)).toBe(true)
      }),
      { seed: 1 },
    )
  })
})

describe('an ending', () => {
  test('resolves to its id from any earlier time, with few ranges', () => {
    const time = fc.integer({ min: 0, max: 2 ** 47 })
    fc.assert(
      fc.property(time, fc.nat(2 ** 32), fc.nat(40_000_000), (msecs, counter, earlier) => {
        const whole = idAt(msecs, counter)
        const first = idAt(Math.max(0, msecs - earlier), 0)
        const ranges = rangesOf(whole.slice(-6), first)
        for (let looked = 0; looked < 12; looked++) {
          const { from, to } = ranges.next().value!
          expect(to > first.slice(0, 13)).toBe(true)
          if (whole >= from && whole < to) return
        }
        expect.unreachable(`no range of ${whole}`)
      }),
      { seed: 1 },
    )
  })

  test('of eight digits is unique among 60,000 ids of one moment', () => {
    expect(repeated(Array.from({ length: 60_000 }, () => 1_764_000_000_000))).toBe(0)
  })

  test.each([64, 8_000, 3_600_000])('of ids every %i ms repeats only by chance', (step) => {
    // By chance it is one or none.
    expect(repeated(Array.from({ length: 65_536 }, (_, n) => 1_764_000_000_000 + n * step))).toBeLessThan(20)
  })

  test('resolves to nothing if the first id is invalid', () => {
    expect([...rangesOf('7d5c31', 'id-1')]).toEqual([])
  })
})
