import { defineCommand } from 'fermata-tasks'
import { join } from 'node:path'
import { z } from 'zod'

/** A script in another language: a pause freezes it, and it reports progress and result as JSON lines. */
export const words = defineCommand({
  type: 'words',
  description: 'Count the words of a text with a Python script.',
  parameters: z.object({
    text: z.string().max(100_000).describe('Text to count the words of'),
    delay: z.number().min(0).max(10).default(0).describe('Seconds of work per line'),
  }),
  example: { text: 'to be or not to be\nthat is the question', delay: 0.5 },
  state: z.object({ line: z.int(), counts: z.record(z.string(), z.int()) }),
  command: () => ['python3', join(import.meta.dirname, 'programs', 'words.py')],
})
