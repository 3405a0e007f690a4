import { expect, test } from 'vitest'
import { FakeClock } from '../testing/clock.ts'
import { StoreUnavailable } from '../core/errors.ts'
import { throttledLogger } from './logger-throttle.ts'

test('an unavailable store is logged once in ten seconds, and everything else immediately', async () => {
  const clock = new FakeClock()
  const lines: string[] = []
  const note = (fields: object, message: string) =>
    void lines.push(`${message}${'unsaid' in fields ? ` (${String(fields.unsaid)} unsaid)` : ''}`)
  const logger = throttledLogger({ debug: note, info: note, warn: note, error: note }, clock)
  const err = new StoreUnavailable('The disk is full.', { unknown: false })
  const away = () => logger.warn({ err, task: String(lines.length) }, 'away')

  for (let call = 0; call < 1_000; call++) away()
  logger.warn({ err }, 'claim failed')
  logger.warn({ task: 'a' }, 'ignores its signal')
  logger.warn({ task: 'b' }, 'ignores its signal')
  logger.error({ err }, 'away')
  expect(lines).toEqual(['away', 'claim failed', 'ignores its signal', 'ignores its signal', 'away'])

  lines.length = 0
  await clock.advance(10_000)
  away()
  away()
  await clock.advance(10_000)
  away()
  expect(lines).toEqual(['away (999 unsaid)', 'away (1 unsaid)'])
})
