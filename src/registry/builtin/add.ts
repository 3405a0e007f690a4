import { z } from 'zod'
import { defineTask } from '../define.ts'

/** Integers beyond this lose digits; Infinity is not JSON. */
function isExact(value: number): boolean {
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))
}

const addend = z.number().refine(isExact, {
  message: 'an integer must be within ±(2^53 - 1), or digits would be lost',
})

export const add = defineTask({
  type: 'add',
  description: 'Add two numbers.',
  parameters: z
    .object({
      a: addend.describe('First addend'),
      b: addend.describe('Second addend'),
    })
    .refine(({ a, b }) => isExact(a + b), 'the sum must be within ±(2^53 - 1), or digits would be lost'),
  example: { a: 2, b: 3 },
  run({ a, b }, task) {
    task.progress(1, 2, 'Adding')
    const sum = a + b
    task.progress(2, 2, 'Added')
    return sum
  },
})
