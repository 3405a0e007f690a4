import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { faultPlace } from './fault-place.ts'
import { loadTasks } from './load.ts'
import { Registry } from './registry.ts'

const root = mkdtempSync(join(tmpdir(), 'fermata-types-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const library = pathToFileURL(join(import.meta.dirname, '../index.ts')).href
const zod = import.meta.resolve('zod')
const head = `import { defineTask } from '${library}'\nimport { z } from '${zod}'\n`
const type = (name: string) => `defineTask({ type: '${name}', parameters: z.object({}), run: () => 1 })`

/** A folder with these modules. */
function folder(modules: Record<string, string>): string {
  const path = mkdtempSync(join(root, 'case-'))
  for (const [name, text] of Object.entries(modules)) writeFileSync(join(path, name), text)
  return path
}

describe('loading types', () => {
  test('loads one module, or all of a folder, with every type they export, also in arrays', async () => {
    const path = folder({
      'a.ts': `${head}export const a: unknown = ${type('a')}\nexport const other = 5`,
      'b.mjs': `${head}export default ${type('b')}\nexport const more = [${type('c')}, ${type('d')}]`,
      'b.test.ts': 'throw new Error("a test is no module of types")',
      '_helper.ts': 'throw new Error("passed over")',
      'notes.md': '# notes',
    })
    expect((await loadTasks(path)).types.map((one) => one.type)).toEqual(['a', 'b', 'c', 'd'])
    expect((await loadTasks(join(path, 'a.ts'))).types.map((one) => one.type)).toEqual(['a'])
  })

  test.each([
    [
      'a module that throws, with its line',
      { 'x.mjs': '\n\nthrow new Error("oh no")' },
      /x\.mjs:3 cannot be loaded: oh no$/,
    ],
    ['a module that is no program', { 'x.mjs': '\nexport const = 5' }, /x\.mjs(:2)? cannot be loaded/],
    [
      'an import that is not there, with its line',
      { 'x.mjs': '\nimport { a } from "./nowhere.mjs"' },
      /x\.mjs:2 cannot be loaded: .*nowhere/,
    ],
    [
      'a package that is not there, with its line',
      { 'x.mjs': '\nimport { a } from "nowhere/at-all"' },
      /x\.mjs:2 cannot be loaded: .*nowhere/,
    ],
    [
      'a type that is not defined well, with its line',
      {
        'x.mjs': `${head}\nexport const a = defineTask({ type: 'two words', parameters: z.object({}), run() {} })`,
      },
      /x\.mjs:4 cannot be loaded: task type "two words"/,
    ],
    [
      'a schema that cannot be shown',
      {
        'x.mjs': `${head}export const a = defineTask({ type: 'a', parameters: z.object({ d: z.date() }), run() {} })`,
      },
      /x\.mjs:3 cannot be loaded: .*JSON schema/,
    ],
    ['a folder without types', { 'x.mjs': 'export const a = 1' }, /exports no task types/],
  ])('names %s', async (_, modules, message) => {
    const failed = await loadTasks(folder(modules)).catch((error: unknown) => error)
    expect(failed).toMatchObject({ code: 'TASKS_INVALID', message: expect.stringMatching(message) })
    expect((failed as Error).message).not.toContain('\n')
  })

  test('loads a type exported by two modules once, and names both places of one that is defined twice', async () => {
    const path = folder({
      'x.mjs': `${head}export const a = ${type('a')}`,
      'y.mjs': 'export { a } from "./x.mjs"',
    })
    expect((await loadTasks(path)).types).toHaveLength(1)
    writeFileSync(join(path, 'z.mjs'), `${head}\nexport const again = ${type('a')}`)
    const { types } = await loadTasks(path)
    expect(() => new Registry(types)).toThrow(
      `task type "a" is defined twice: at ${join(path, 'x.mjs')}:3 and at ${join(path, 'z.mjs')}:4; rename one`,
    )
  })

  test('knows the line of a syntax error, which the platform only prints', () => {
    const file = join(folder({ 'x.mjs': '\nexport const = 5' }), 'x.mjs')
    expect(faultPlace(new SyntaxError("Unexpected token '='"), file)).toBe(`${file}:2`)
  })

  test('reports a missing path', async () => {
    await expect(loadTasks(join(root, 'nowhere'))).rejects.toMatchObject({ code: 'TASKS_INVALID' })
  })
})
