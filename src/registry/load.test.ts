import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { loadTypes } from './load.ts'

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
  test('takes one module, or all of a folder, and every type that they export, in lists too', async () => {
    const path = folder({
      'a.ts': `${head}export const a: unknown = ${type('a')}\nexport const other = 5`,
      'b.mjs': `${head}export default ${type('b')}\nexport const more = [${type('c')}, ${type('d')}]`,
      'b.test.ts': 'throw new Error("a test is no module of types")',
      '_helper.ts': 'throw new Error("passed over")',
      'notes.md': '# notes',
    })
    expect((await loadTypes(path)).map((one) => one.type)).toEqual(['a', 'b', 'c', 'd'])
    expect((await loadTypes(join(path, 'a.ts'))).map((one) => one.type)).toEqual(['a'])
  })

  test.each([
    [
      'a module that throws, with its line',
      { 'x.mjs': '\n\nthrow new Error("oh no")' },
      /x\.mjs:3 cannot be loaded: oh no$/,
    ],
    ['a module that is no program', { 'x.mjs': 'export const = 5' }, /x\.mjs(:1)? cannot be loaded/],
    [
      'an import that is not there',
      { 'x.mjs': 'import "./nowhere.mjs"' },
      /x\.mjs(:\d+)? cannot be loaded: .*nowhere/,
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
    [
      'a type in two modules, with both',
      { 'x.mjs': `${head}export const a = ${type('a')}`, 'y.mjs': `${head}export const a = ${type('a')}` },
      /"a" is defined in .*x\.mjs and again in .*y\.mjs/,
    ],
    ['a folder without types', { 'x.mjs': 'export const a = 1' }, /exports no task types/],
  ])('names %s', async (_, modules, message) => {
    const failed = await loadTypes(folder(modules)).catch((error: unknown) => error)
    expect(failed).toMatchObject({ code: 'TASKS_INVALID', message: expect.stringMatching(message) })
    expect((failed as Error).message).not.toContain('\n')
  })

  test('says when nothing is there', async () => {
    await expect(loadTypes(join(root, 'nowhere'))).rejects.toMatchObject({ code: 'TASKS_INVALID' })
  })
})
