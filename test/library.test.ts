import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { defineTask, openTaskManager, type Child, type SettledChild, type TaskHandle } from '../src/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'fermata-library-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const resize = defineTask({
  type: 'resize',
  description: 'Resize images',
  parameters: z.object({ files: z.array(z.string()).min(1), width: z.int().positive().default(100) }),
  example: { files: ['a.png'], width: 200 },
  state: z.object({ next: z.int() }),
  concurrency: 4,
  attempts: 3,
  timeout: '10m',
  async run({ files, width }, task) {
    expectTypeOf(width).toEqualTypeOf<number>()
    expectTypeOf(task.state).toEqualTypeOf<{ next: number } | undefined>()
    const done = task.state ?? { next: 0 }
    for (let i = done.next; i < files.length; i++) {
      await task.checkpoint({ next: i })
      task.progress(i + 1, files.length, files[i])
    }
    return { resized: files.length, width }
  },
})

describe('the library', () => {
  test('runs a task from its definition, and closes at the end of its block', async () => {
    await using manager = await openTaskManager({
      database: 'sqlite::memory:',
      tasks: [resize],
      maxConcurrent: 2,
    })
    const handle = await manager.submit(resize, { files: ['a.png', 'b.png'] })
    expectTypeOf(handle).toEqualTypeOf<TaskHandle<{ resized: number; width: number }>>()
    expect(await handle.result()).toEqual({ resized: 2, width: 100 })
    const moves: string[] = []
    for await (const event of handle.events()) if (event.kind === 'transition') moves.push(event.entry.event)
    expect(moves).toEqual(['submitted', 'claimed', 'completed'])
    expect((await handle.task()).progress).toMatchObject({ current: 2, total: 2, message: 'b.png' })
    expect((await manager.handle(`...${handle.id.slice(-8)}`)).id).toBe(handle.id)
    await expect(manager.handle('...000000')).rejects.toMatchObject({ code: 'TASK_UNKNOWN' })
  })

  test('starts children whose parameters and results are typed by their definitions, and shows the family', async () => {
    const album = defineTask({
      type: 'album',
      parameters: z.object({}),
      async run(_, task) {
        const one = await task.spawn(resize, { files: ['a.png'] }, { onParentEnd: 'leave' })
        expectTypeOf(one).toEqualTypeOf<Child<{ resized: number; width: number }>>()
        const more = await task.spawnAll(resize, [{ files: ['b.png'] }], { onParentEnd: 'leave' })
        expectTypeOf(more).toEqualTypeOf<Child<{ resized: number; width: number }>[]>()
        expectTypeOf(await task.spawn('resize', { files: ['c.png'] })).toEqualTypeOf<Child>()
        // @ts-expect-error files must be texts
        await expect(task.spawn(resize, { files: [1] })).rejects.toMatchObject({ code: 'PARAMETERS_INVALID' })
        return one.id
      },
    })
    await using manager = await openTaskManager({ database: 'sqlite::memory:', tasks: [resize, album] })
    const parent = await manager.submit(album, {})
    const { children, parent: none } = await parent.family()
    expect(none).toBeNull()
    expect(children.tasks.length).toBeLessThanOrEqual(3)
    const id = await parent.result()
    const child = await manager.handle(id)
    const family = await child.family()
    expect(family.parent?.id).toBe(parent.id)
    expect((await parent.family({ limit: 1 })).children).toMatchObject({
      tasks: [{ id, parent: { name: 'resize', occurrence: 1 } }],
      nextCursor: expect.any(String) as string,
    })
  })

  test('joins children whose results are typed by their definitions', async () => {
    type Resized = { resized: number; width: number }
    const nothing = defineTask({ type: 'nothing', parameters: z.object({}), run: () => {} })
    const album = defineTask({
      type: 'album',
      parameters: z.object({}),
      async run(_, task) {
        const one = await task.spawn(resize, { files: ['a.png'] })
        const none = await task.spawn(nothing, {})
        const named = await task.spawn('nothing', {}, { name: 'named' })
        const many = await task.spawnAll(resize, [{ files: ['b.png'] }, { files: ['c.png', 'd.png'] }])
        const all = await task.all([one, none, named])
        expectTypeOf(all).toEqualTypeOf<[Resized, null, unknown]>()
        const list = await task.all(many)
        expectTypeOf(list).toEqualTypeOf<Resized[]>()
        const any = await task.any([one, none])
        expectTypeOf(any).toEqualTypeOf<
          | Readonly<{ child: Child<Resized>; result: Resized }>
          | Readonly<{ child: Child<void>; result: null }>
        >()
        const settled = await task.settled([one, none])
        expectTypeOf(settled).toEqualTypeOf<[SettledChild<Child<Resized>>, SettledChild<Child<void>>]>()
        const [first] = settled
        if (first.status === 'completed') expectTypeOf(first.result).toEqualTypeOf<Resized>()
        // @ts-expect-error what is joined must be children
        await expect(task.all([one.id])).rejects.toThrow(TypeError)
        return [all, list, settled.map(({ status }) => status)]
      },
    })
    await using manager = await openTaskManager({
      database: 'sqlite::memory:',
      tasks: [resize, nothing, album],
    })
    const parent = await manager.submit(album, {})
    const small = { resized: 1, width: 100 }
    expect(await parent.result()).toEqual([
      [small, null, null],
      [small, { resized: 2, width: 100 }],
      ['completed', 'completed'],
    ])
  })

  test('wrong parameters, checkpoints and types do not compile, and are refused at run time', async () => {
    await using manager = await openTaskManager({ database: 'sqlite::memory:', tasks: [resize] })
    // @ts-expect-error files must be texts
    await expect(manager.submit(resize, { files: [1] })).rejects.toMatchObject({ code: 'PARAMETERS_INVALID' })
    // @ts-expect-error files are required
    await expect(manager.submit(resize, { width: 5 })).rejects.toMatchObject({ code: 'PARAMETERS_INVALID' })
    // @ts-expect-error an unknown option
    await manager.submit(resize, { files: ['a'] }, { prio: 1 })
    defineTask({
      type: 'wrong-state',
      parameters: z.object({}),
      state: z.object({ next: z.number() }),
      async run(_, task) {
        // @ts-expect-error the state has a number
        await task.checkpoint({ next: 'text' })
        // @ts-expect-error there is no such call
        task.stop?.()
      },
    })
    const twin = defineTask({ type: 'resize', parameters: z.object({}), run: () => 1 })
    await expect(manager.submit(twin, {})).rejects.toMatchObject({ code: 'DEFINITION_INVALID' })
  })

  test.each([
    [{ type: 'two words' }, 'a type name has 1 to 100'],
    [{ type: 'a', concurrency: 0 }, 'concurrency'],
    [{ type: 'a', timeout: 'soon' }, 'timeout'],
    [{ type: 'a', backoff: { jitter: 2 } }, 'backoff'],
    [{ type: 'a', example: 5 as never }, 'example'],
    [{ type: 'a', parameters: z.object({ at: z.date() }) as never }, 'JSON schema'],
  ])('a wrong definition says what is wrong: %o', (own, message) => {
    expect(() => defineTask({ parameters: z.object({}), run: () => 1, ...own })).toThrow(message)
  })

  test.each([
    [{ database: 'mysql://localhost' }, 'sqlite:PATH'],
    [{ database: 'postgres://localhost:1/none' }, 'cannot be reached'],
    [{ maxConcurrent: -1 }, 'maxConcurrent'],
    [{ types: ['nothing'] }, 'types'],
    [{ drain: 'soon' }, 'drain'],
    [{ tasks: [resize, resize] }, 'twice'],
  ])('a wrong option says what is wrong: %o', async (own, message) => {
    await expect(openTaskManager({ database: 'sqlite::memory:', tasks: [], ...own })).rejects.toThrow(message)
  })

  test('a script exits once its manager is closed, and not before its result is ready', () => {
    const script = join(import.meta.dirname, 'fixtures', 'script.ts')
    const run = spawnSync(process.execPath, [script, join(folder, 'script.db')], {
      encoding: 'utf8',
      timeout: 20_000,
    })
    expect(run).toMatchObject({ status: 0, stdout: 'slept\n', stderr: '' })
  })
})
