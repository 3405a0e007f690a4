import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { bugs } from './bugs.ts'
import { mutated } from './mutation.ts'
import { firstFound, runSeed, told } from './search.ts'

const root = join(import.meta.dirname, '..', '..')

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

describe('each bug', () => {
  test.each(bugs)('$name can still be put into the source', async (bug) => {
    expect(bug.edits.length).toBeGreaterThan(0)
    for (const { file } of bug.edits) {
      const source = await readFile(join(root, file), 'utf8')
      expect(mutated(source, file, bug)).not.toBe(source)
    }
  })

  test('is caught by its seed', { timeout: 600_000 }, async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      join(import.meta.dirname, 'simulate.ts'),
      '--bug',
      'known',
      '--json',
    ])
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
