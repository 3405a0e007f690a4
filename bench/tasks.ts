import { z } from 'zod'
import { defineCommand, defineTask } from '../src/index.ts'

/** The same short and long work, for each runtime. */
const none = z.object({})
const module = import.meta.url

export const noopThread = defineTask({
  type: 'noop-thread',
  runs: 'thread',
  module,
  parameters: none,
  run: () => null,
})
export const noopProcess = defineTask({
  type: 'noop-process',
  runs: 'process',
  module,
  parameters: none,
  run: () => null,
})
export const noopCommand = defineCommand({ type: 'noop-command', parameters: none, command: () => ['true'] })

export const longInline = defineTask({
  type: 'long-inline',
  parameters: none,
  async run(_, task) {
    for (let n = 0; ; n++) {
      task.progress(n)
      await task.sleep(0.001)
    }
  },
})
export const longThread = defineTask({
  type: 'long-thread',
  runs: 'thread',
  module,
  parameters: none,
  run(_, task) {
    for (let n = 0; ; n++) {
      task.progressSync(n)
      task.checkpointSync()
    }
  },
})
export const longProcess = defineTask({
  type: 'long-process',
  runs: 'process',
  module,
  parameters: none,
  run(_, task) {
    for (let n = 0; ; n++) {
      task.progressSync(n)
      task.checkpointSync()
    }
  },
})
export const longCommand = defineCommand({
  type: 'long-command',
  parameters: none,
  command: () => ['sh', '-c', 'echo \'{"progress":{"current":1}}\'; while :; do :; done'],
})
