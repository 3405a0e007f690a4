import { defineTask, openTaskManager } from 'fermata-tasks'
import { z } from 'zod'

export const resize = defineTask({
  type: 'resize',
  parameters: z.object({ files: z.array(z.string()) }),
  run: ({ files }) => ({ resized: files.length }),
})

export const add = defineTask({
  type: 'add',
  parameters: z.object({ a: z.number(), b: z.number() }),
  run: ({ a, b }) => a + b,
})

if (import.meta.main) {
  await using manager = await openTaskManager({ database: 'sqlite::memory:', tasks: [resize] })
  const handle = await manager.submit(resize, { files: ['a.png', 'b.png'] })
  const result: { resized: number } = await handle.result()
  console.log(JSON.stringify(result))
}
