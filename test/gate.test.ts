import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const runner = join(root, 'node_modules', 'vitest', 'vitest.mjs')

test('a test that fails beside a database ends the run with an exit code that says so', async () => {
  const ended = Promise.withResolvers<{ code: unknown; output: string }>()
  execFile(
    process.execPath,
    [runner, 'run', '--project', 'canary'],
    { cwd: root, env: { ...process.env, TEST_CANARY: '1' } },
    (error, out, err) => {
      ended.resolve({ code: error?.code ?? 0, output: out + err })
    },
  )
  const { code, output } = await ended.promise
  expect(output).toContain("to be 'nowhere'")
  expect(code).toBe(1)
}, 60_000)
