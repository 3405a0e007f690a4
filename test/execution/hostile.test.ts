import { describe, expect, test } from 'vitest'
import { openTaskManager } from '../../src/index.ts'
import { apart, thread, ways } from '../fixtures/hostile.ts'
import { hostile } from '../support/hostile-values.ts'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

describe.each([thread, apart])('in a $runs', (type) => {
  test('no value that cannot be inspected keeps a run from ending', async () => {
    await using manager = await openTaskManager({
      database: 'sqlite::memory:',
      tasks: [thread, apart],
      maxConcurrent: 4,
      logger: quiet,
    })
    const some = type === apart ? ['throws', 'returns'] : Object.keys(ways)
    const handles = await Promise.all(
      some.flatMap((way) =>
        Object.keys(hostile).map(async (value) => ({
          name: `${way}: ${value}`,
          handle: await manager.submit(type, { way, value }),
        })),
      ),
    )
    for (const { handle, name } of handles) {
      await handle.result({ signal: AbortSignal.timeout(600_000) }).catch(() => undefined)
      expect.soft((await handle.task()).status, name).toMatch(/completed|failed/)
    }
    expect(manager.state.slotsInUse).toBe(0)
  })
})
