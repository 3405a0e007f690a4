const { defineTask, openTaskManager } = require('fermata-tasks')
const { z } = require('zod')

const resize = defineTask({
  type: 'resize',
  parameters: z.object({ files: z.array(z.string()) }),
  run: ({ files }) => ({ resized: files.length }),
})

async function main() {
  const manager = await openTaskManager({ database: 'sqlite::memory:', tasks: [resize] })
  const handle = await manager.submit(resize, { files: ['a.png', 'b.png'] })
  console.log(JSON.stringify(await handle.result()))
  await manager.close()
}

void main()
