import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineTask, openTaskManager } from '../../src/index.ts'
import { patiently, until } from '../support/until.ts'

function block(milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}

test('only an inline handler that blocks the main thread is reported, in a warning and in the state of the node', async () => {
  const polite = defineTask({
    type: 'polite',
    parameters: z.object({}),
    async run(_, task) {
      for (;;) await task.sleep(1)
    },
  })
  const selfish = defineTask({
    type: 'selfish',
    parameters: z.object({}),
    async run(_, task) {
      await task.sleep(0.05)
      block(1_300)
      await task.sleep(0.05)
    },
  })
  const warnings: object[] = []
  const logger = { debug() {}, info() {}, warn: (fields: object) => void warnings.push(fields), error() {} }
  const options = { database: 'sqlite::memory:', tasks: [polite, selfish], drain: 1, logger }
  await using manager = await openTaskManager(options)
  const other = await manager.submit(polite, {})
  await until('it runs', async () => (await other.details()).task.status === 'running')
  // The program itself blocks the main thread, after a handler has run in an earlier turn.
  for (let turns = 0; turns < 4; turns++) await new Promise((resolve) => setImmediate(resolve))
  block(1_300)
  await (await manager.submit(selfish, {})).result()
  await until('it is noticed', () => manager.state.loop.blocked.length > 0)
  const { blocked, max } = manager.state.loop
  expect(blocked).toMatchObject([{ type: 'selfish' }])
  expect(blocked[0]?.ms).toBeGreaterThan(1_000)
  expect(max).toBeGreaterThan(1_000)
  expect(warnings).toMatchObject([{ type: 'selfish' }])
  await other.cancel(patiently)
})
