import { execFile, execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'

const client = join(import.meta.dirname, '../../clients/python')

/** Undefined without Python, which is reported; an error if tests must not skip it. */
function python(): string | undefined {
  try {
    return execFileSync('python3', ['--version'], { encoding: 'utf8' })
  } catch {
    const told = 'python3 is not there, so its client was not tested: apt-get install -y python3'
    if (process.env['TEST_PYTHON'] === 'required') throw new Error(told)
    process.stderr.write(`\n${told}\n\n`)
    return undefined
  }
}

test('the Python client and its workers pass their tests against a real server', async () => {
  if (python() === undefined) return
  const fixtures = join(import.meta.dirname, '../fixtures/waits.ts')
  await using server = await TestServer.start({ arguments: ['serve', '--tasks', fixtures] })
  const env = {
    ...process.env,
    FERMATA_URL: server.url,
    PYTHONPATH: join(client, 'src'),
    PYTHONDONTWRITEBYTECODE: '1',
  }
  const args = ['-W', 'error', '-m', 'unittest', 'discover', '-s', 'tests']
  // It throws with the output of a test that failed.
  const { stderr } = await promisify(execFile)('python3', args, { cwd: client, env, timeout: 600_000 })
  expect(stderr).toMatch(/\nRan \d\d tests in .*\n\nOK\n$/)
})
