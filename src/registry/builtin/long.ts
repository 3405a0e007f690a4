import { z } from 'zod'
import { defineTask } from '../define.ts'

export const long = defineTask({
  type: 'long',
  description: 'Work through a number of timed steps. A task to watch, pause, resume and cancel.',
  parameters: z.object({
    duration: z.number().min(0).max(31_536_000).default(30).describe('Total seconds of work'),
    steps: z.int().min(1).max(1_000_000).default(20).describe('Number of steps'),
  }),
  example: { duration: 10, steps: 20 },
  state: z.object({ step: z.int().nonnegative(), worked: z.number().nonnegative() }),
  async run({ duration, steps }, task) {
    const from = task.state ?? { step: 0, worked: 0 }
    const seconds = duration / steps
    let worked = from.worked
    for (let step = from.step; step < steps; step++) {
      task.progress(step, steps, `Working on step ${step + 1} of ${steps}`)
      await task.checkpoint({ step, worked })
      // It stands for work, which keeps its slot: a sleep of more than a second would free it.
      for (let left = seconds; left > 0; left -= 1) await task.sleep(Math.min(left, 1))
      worked += seconds
    }
    task.progress(steps, steps, `All ${steps} steps done`)
    return {
      status: 'completed',
      steps_completed: steps,
      duration_requested: duration,
      actual_duration: Math.round(worked * 1_000) / 1_000,
    }
  },
})
