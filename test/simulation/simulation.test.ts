import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { bugs } from './bugs.ts'
import { killEverywhere } from './kills.ts'
import { mutated } from './mutation.ts'
import { firstFound, runSeed, told } from './search.ts'

const root = join(import.meta.dirname, '..', '..')

const run = (given: readonly string[]) =>
  promisify(execFile)(process.execPath, [join(import.meta.dirname, 'simulate.ts'), ...given])

describe('the simulation', () => {
  test('finds no broken promise in its first seeds', { timeout: 600_000 }, async () => {
    expect(await firstFound(1, 70, 'simulated')).toBeUndefined()
    expect(await firstFound(1, 5, 'sqlite')).toBeUndefined()
  })

  test('does the same again for the same seed, and something else for another', async () => {
    const hashes = async () => [(await runSeed(7)).hash, (await runSeed(8)).hash]
    const [seven, eight] = await hashes()
    expect(await hashes()).toEqual([seven, eight])
    expect(seven).not.toBe(eight)
    expect((await told(7, 'simulated')).outcome.history.length).toBeGreaterThan(50)
  })
})

describe('a task with steps that is killed', () => {
  test('repeats only the step in flight, wherever it is killed', { timeout: 600_000 }, async () => {
    const { kills, repeated, wrong } = await killEverywhere()
    expect(wrong).toBeUndefined()
    // Each step was in flight for some of them.
    expect(new Set(repeated)).toEqual(new Set(['first', 'second', 'third', 'last']))
    expect(kills).toBeGreaterThan(400)
  })

  test('repeats a stored one if a step counts as stored before its commit', async () => {
    const { stdout } = await run(['--kills', '--bug', 'step-before-commit']).catch(
      (error: unknown) => error as { stdout: string },
    )
    expect(stdout).toMatch(/repeats "first"|was stored, and had another effect/)
  })
})

describe('each bug', () => {
  test.each(bugs)('$name can still be put into the source', async (bug) => {
    expect(bug.edits.length).toBeGreaterThan(0)
    for (const { file } of bug.edits) {
      const source = await readFile(join(root, file), 'utf8')
      expect(mutated(source, file, bug)).not.toBe(source)
    }
  })

  test('is caught by its seed', { timeout: 600_000 }, async () => {
    const { stdout } = await run(['--bug', 'known', '--json'])
    expect(JSON.parse(stdout)).toEqual(Object.fromEntries(bugs.map(({ name, seed }) => [name, seed])))
  })

  test('is listed in docs/proof.md with its seed', async () => {
    const page = await readFile(join(root, 'docs', 'proof.md'), 'utf8')
    const rows = [...page.matchAll(/^\| `([\w-]+)` \| (.*?) \| (\d+) \|$/gm)].map(([, name, what, seed]) => ({
      name,
      what,
      seed: Number(seed),
    }))
    expect(rows).toEqual(bugs.map(({ name, what, seed }) => ({ name, what, seed })))
  })
})
