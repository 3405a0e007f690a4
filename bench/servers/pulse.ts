import { z } from 'zod'
import { defineTask } from '../../src/index.ts'

/** A task that changes once a second, for as long as it is watched. */
export const pulse = defineTask({
  type: 'pulse',
  parameters: z.object({}),
  async run(_, task) {
    for (let n = 0; ; n = (n + 1) % 100) {
      task.progress(n, 100)
      await task.sleep(1)
    }
  },
})
