import { expect, test } from 'vitest'
import type { TaskDetails } from '../data/shapes.ts'
import { factsOf, linesOf, nodesOf } from './compare.ts'

const attempt = (number: number, seconds: number, message: string | null) =>
  ({
    attempt: number,
    started_at: 100 * number,
    ended_at: 100 * number + seconds,
    event: message === null ? 'completed' : 'retry_scheduled',
    status: null,
    error: message === null ? null : { code: 'E_HOST', name: 'Error', message },
    ended_by: null,
  }) as TaskDetails['attempts'][number]

const claim = (number: number, by: string) =>
  ({ attempt: number, event: 'claimed', by }) as TaskDetails['timeline'][number]

const task = {
  timeline: [claim(1, 'node-a'), claim(2, 'node-b'), claim(2, 'node-b'), claim(2, 'node-c')],
} as unknown as TaskDetails

test('two attempts are compared by outcome, error, duration and node', () => {
  const facts = factsOf(task, [attempt(1, 2, 'no route'), attempt(2, 2, null)])
  expect(facts.map(({ name, values, isSame }) => [name, ...values, isSame])).toEqual([
    ['Outcome', 'Retry scheduled', 'Completed', false],
    ['Error', 'E_HOST: no route', 'None', false],
    ['Duration', '2.0 s', '2.0 s', true],
    ['Started', expect.any(String), expect.any(String), false],
    ['Node', 'node-a', 'node-b, node-c', false],
  ])
  // The timeline keeps the first transition and the latest ones.
  expect(nodesOf({ timeline: [] }, 1)).toEqual([])
})

test('lines that only one attempt has are found, and numbers in them do not matter', () => {
  const line = (number: number, of: number, message: string) => ({ number, at: number, attempt: of, message })
  const red = `${String.fromCharCode(27)}[31mtook 12.5 ms`
  const [one, other] = linesOf(
    [
      line(1, 1, 'reading a.csv'),
      line(2, 1, red),
      line(3, 2, 'took 7 ms'),
      line(4, 2, 'no route'),
      line(5, 3, 'x'),
    ],
    [1, 2],
  )
  expect(one.map(({ text, isShared }) => [text, isShared])).toEqual([
    ['reading a.csv', false],
    ['took 12.5 ms', true],
  ])
  expect(other.map(({ text, isShared }) => [text, isShared])).toEqual([
    ['took 7 ms', true],
    ['no route', false],
  ])
})
