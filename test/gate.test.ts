import { execFile } from 'node:child_process'
import { access, glob, readFile } from 'node:fs/promises'
import { join, matchesGlob } from 'node:path'
import { expect, test } from 'vitest'
import config from '../vitest.config.ts'
import { suites } from './faults/suites.ts'

const root = join(import.meta.dirname, '..')
const runner = join(root, 'node_modules', 'vitest', 'vitest.mjs')

test('a test that fails beside a database ends the run with a failing exit code', async () => {
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
})

/** Sources of seeds that differ between runs. */
const chancy = [/Date\.now\(\) %/, /Math\.random\(/]

test('no test of the gate takes its seed from the clock or at random', async () => {
  const found: string[] = []
  for await (const file of glob('{src,dashboard/src,test}/**/*.ts', { cwd: root })) {
    const isTest = file.startsWith('test') || file.endsWith('.test.ts')
    if (!isTest || file === 'test/gate.test.ts' || file === 'test/support/chance.ts') continue
    const text = await readFile(join(root, file), 'utf8')
    const searches = text.match(/\bfc\.(?:assert|check)\(/g)?.length ?? 0
    const seeds = text.match(/\bseed\b/g)?.length ?? 0
    if (searches > seeds || chancy.some((pattern) => pattern.test(text))) found.push(file)
  }
  expect(found).toEqual([])
})

test('the test files that start first exist', async () => {
  const text = await readFile(join(root, 'vitest.config.ts'), 'utf8')
  const names = [...text.matchAll(/^ {2}'(.*)',$/gm)].map(([, name]) => join(root, 'test', `${name}.test.ts`))
  expect(names.length).toBeGreaterThan(10)
  await Promise.all(names.map((name) => access(name)))
})

test('each file that a fault names exists, and the test runner finds it', async () => {
  const patterns = (config.test?.projects ?? []).flatMap((project) =>
    typeof project === 'object' && 'test' in project ? (project.test?.include ?? []) : [],
  )
  expect(patterns).toContain('test/e2e/**/*.test.ts')
  const names = suites.flatMap(({ files }) => files.map((file) => `test/${file}.test.ts`))
  expect(names.length).toBeGreaterThan(20)
  for (const name of names) {
    await access(join(root, name))
    expect(
      patterns.some((pattern) => matchesGlob(name, pattern)),
      name,
    ).toBe(true)
  }
})
