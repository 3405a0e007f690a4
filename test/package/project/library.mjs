import { defineTask } from 'fermata-tasks'
import { startTask } from 'fermata-tasks/testing'
import { z } from 'zod'

const resize = defineTask({
  type: 'resize',
  parameters: z.object({ files: z.array(z.string()) }),
  run: ({ files }) => ({ resized: files.length }),
})
const task = await startTask(resize, { files: ['a.png', 'b.png'] })
console.log(JSON.stringify(await task.result()))
