import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { run, TestServer } from '../support/server.ts'

/** A folder outside the project, as users have: without package.json and node_modules in its parents. */
const root = mkdtempSync(join(tmpdir(), 'fermata-own-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const head = `import { defineTask } from 'fermata-tasks'\nimport { z } from 'zod'\n`
const type = (name: string, more: string, run: string) =>
  `export const ${name} = defineTask({ type: '${name}', parameters: z.object({ n: z.number() }), ${more} run: ${run} })\n`

function folder(modules: Record<string, string>): string {
  const path = mkdtempSync(join(root, 'case-'))
  for (const [name, text] of Object.entries(modules)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  return path
}

describe('task types outside the project', () => {
  test('need no build, no packages and no module option, also in subfolders', async () => {
    const path = folder({
      'inline.ts': head + type('inline', '', '({ n }) => n + 1'),
      'sub/deep/thread.ts': head + type('thread', "runs: 'thread',", '({ n }: { n: number }) => n + 2'),
      'sub/process.mjs': head + type('process', "runs: 'process',", '({ n }) => n + 3'),
      'sub/_lib/broken.ts': 'throw new Error("passed over")',
      'node_modules/x/broken.js': 'throw new Error("passed over")',
      '.git/broken.js': 'throw new Error("passed over")',
      'sub/thread.test.ts': 'throw new Error("passed over")',
    })
    // A symbolic link, like the files of a Kubernetes volume, and one that makes a cycle.
    symlinkSync(folder({ 'linked.ts': head + type('linked', '', '({ n }) => n + 4') }), join(path, 'volume'))
    symlinkSync(path, join(path, 'sub', 'again'))
    await using server = await TestServer.start({ arguments: ['serve', '--tasks', path] })
    const api = new Api(server.url)
    for (const [name, result] of Object.entries({ inline: 2, thread: 3, process: 4, linked: 5 })) {
      const id = await api.submit(name, { n: 1 })
      await api.untilStatus(id, 'completed')
      const { body } = await api.call('GET', `/api/task/${id}/result`)
      expect({ name, result: body['result'] }).toEqual({ name, result })
    }
    const { stderr } = await server.stop()
    expect(stderr).toBe('')
  })

  test.each([
    [
      'a schema of zod 3',
      `import { z } from 'zod/v3'\nimport { defineTask } from 'fermata-tasks'\n` + type('old', '', '() => 1'),
      /task type "old": its parameters are a schema of zod 3: import z from zod 4/,
    ],
    [
      'what is no schema',
      `import { defineTask } from 'fermata-tasks'\nexport const a = defineTask({ type: 'a', parameters: { n: 1 }, run: () => 1 })`,
      /task type "a": its parameters must be a zod schema, like z\.object\(\{\.\.\.\}\)/,
    ],
    [
      'a state of zod 3',
      `${head}import { z as old } from 'zod/v3'\nexport const a = defineTask({ type: 'a', parameters: z.object({}), state: old.object({}), run: () => 1 })`,
      /task type "a": its state is a schema of zod 3/,
    ],
    ['a package that is nowhere', `import 'fermata-tasks/nothing'`, /cannot be loaded/],
  ])('with %s stop the start in one line', async (_, text, message) => {
    const { code, stderr } = await run(['serve', '--tasks', folder({ 'a.ts': text })], {
      DATABASE_URL: 'sqlite::memory:',
    })
    expect(stderr).toMatch(message)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(code).toBe(2)
  })

  test('in a package of CommonJS, as npm init makes it, stop the start with what to change', async () => {
    const path = folder({ 'package.json': '{ "type": "commonjs" }', 'a.ts': head + type('a', '', '() => 1') })
    const { code, stderr } = await run(['serve', '--tasks', path], { DATABASE_URL: 'sqlite::memory:' })
    expect(stderr).toMatch(
      /a\.ts:1 cannot be loaded: .* Set "type": "module" in its package\.json, or use the extension \.mts\.$/m,
    )
    expect(code).toBe(2)
  })

  test('are the only ones with --no-builtins', async () => {
    const path = folder({ 'one.ts': head + type('one', '', '() => 1') })
    await using server = await TestServer.start({
      arguments: ['serve', '--tasks', path],
      env: { FERMATA_BUILTINS: 'false' },
    })
    const { body } = await new Api(server.url).call('GET', '/api/tasks')
    expect(body['available_tasks']).toEqual(['one'])
    const flag = await TestServer.start({ arguments: ['serve', '--no-builtins', '--tasks', path] })
    expect((await new Api(flag.url).call('GET', '/api/tasks')).body['available_tasks']).toEqual(['one'])
    await flag[Symbol.asyncDispose]()
    const alone = await run(['serve', '--no-builtins'], { DATABASE_URL: 'sqlite::memory:' })
    expect(alone).toMatchObject({ code: 2, stderr: expect.stringContaining('--no-builtins') })
  })
})
