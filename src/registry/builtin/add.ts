import { z } from 'zod'
import { defineTask } from '../define.ts'

const addend = z.number().refine((value) => !Number.isInteger(value) || Number.isSafeInteger(value), {
  message: 'an integer must lie within ±(2^53 - 1), beyond which digits would be lost',
})

export const add = defineTask({
  type: 'add',
  description: 'Add two numbers.',
  parameters: z.object({
    a: addend.describe('First addend'),
    b: addend.describe('Second addend'),
  }),
  example: { a: 2, b: 3 },
  run({ a, b }, task) {
    task.progress(1, 2, 'Adding')
    const sum = a + b
    task.progress(2, 2, 'Added')
    return sum
  },
})
