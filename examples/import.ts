import { defineTask, NonRetryableError } from 'fermata-tasks'
import { readFile, writeFile } from 'node:fs/promises'
import { z } from 'zod'

const Row = z.object({ name: z.string(), amount: z.number() })

/**
 * Several steps, each stored: after a pause, a crash or a failure it continues in the middle, and no row is counted twice.
 */
export const importRows = defineTask({
  type: 'import',
  description: 'Read a JSON Lines file, validate its rows, and write sums per name.',
  attempts: 5,
  backoff: '2s',
  parameters: z.object({
    from: z.string().describe('JSON Lines file; each row has a name and an amount'),
    to: z.string().describe('Output file for the sums'),
    delay: z.number().min(0).default(0).describe('Seconds of work per row'),
  }),
  example: { from: 'rows.jsonl', to: 'sums.json', delay: 0.1 },
  state: z.discriminatedUnion('step', [
    z.object({ step: z.literal('summing'), row: z.int(), sums: z.record(z.string(), z.number()) }),
    z.object({ step: z.literal('writing'), rows: z.int(), sums: z.record(z.string(), z.number()) }),
  ]),
  async run({ from, to, delay }, task) {
    let state = task.state ?? { step: 'summing' as const, row: 0, sums: {} }
    if (state.step === 'summing') {
      const lines = (await readFile(from, 'utf8')).split('\n').filter((line) => line !== '')
      const sums: Record<string, number> = { ...state.sums }
      for (let row = state.row; row < lines.length; row++) {
        const { name, amount } = rowOf(lines[row] ?? '', row)
        if (delay > 0) await task.sleep(delay)
        sums[name] = (sums[name] ?? 0) + amount
        task.progress(row + 1, lines.length + 1, name)
        await task.checkpoint({ step: 'summing', row: row + 1, sums })
      }
      state = { step: 'writing', rows: lines.length, sums }
      await task.checkpoint(state, { durable: true })
    }
    await writeFile(to, `${JSON.stringify(state.sums, null, 2)}\n`)
    task.progress(state.rows + 1, state.rows + 1, 'written')
    return { rows: state.rows, names: Object.keys(state.sums).length }
  },
})

/** An invalid row stays invalid: a retry would not help. */
function rowOf(line: string, row: number): z.output<typeof Row> {
  try {
    return Row.parse(JSON.parse(line))
  } catch (error) {
    throw new NonRetryableError(`row ${row + 1} is invalid: ${error instanceof Error ? error.message : line}`)
  }
}
