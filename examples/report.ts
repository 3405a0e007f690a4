import { defineSchedule, defineTask } from 'fermata-tasks'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'

const Source = z.enum(['orders', 'payments', 'refunds'])

/** One source. Its steps are stored: after a crash, rows that were fetched are not fetched again. */
export const importSource = defineTask({
  type: 'import-source',
  description: 'Fetch the rows of one source and keep them for the report.',
  attempts: 5,
  backoff: '2s',
  parameters: z.object({ source: Source, folder: z.string() }),
  example: { source: 'orders', folder: '/tmp/report' },
  async run({ source, folder }, task) {
    const rows = await task.step('fetch', () => fetchRows(source), { retries: 3, timeout: '1m' })
    await task.step('keep', async () => {
      await mkdir(folder, { recursive: true })
      await writeFile(fileOf(folder, source), JSON.stringify(rows))
    })
    return { rows: rows.length }
  },
})

/** Starts once all imports have ended, and says which of them are missing. */
export const report = defineTask({
  type: 'report',
  description: 'Sum up what the imports have kept.',
  attempts: 5,
  backoff: '2s',
  parameters: z.object({ folder: z.string() }),
  example: { folder: '/tmp/report' },
  async run({ folder }, task) {
    const sums: Record<string, number | null> = {}
    for (const source of Source.options)
      sums[source] = await task.step(`sum ${source}`, () => sumOf(fileOf(folder, source)))
    await task.step('publish', () => writeFile(join(folder, 'report.json'), JSON.stringify(sums)))
    return sums
  },
})

/**
 * Starts the imports, and the report behind them. It ends at once: no slot is held while the imports run, and each of these tasks has its own
 * attempts. However often this one runs again, it starts each of them once.
 */
export const nightly = defineTask({
  type: 'nightly',
  description: 'Start the imports and the report behind them.',
  attempts: 5,
  backoff: '2s',
  parameters: z.object({ folder: z.string().default(join(tmpdir(), 'fermata-report')) }),
  example: {},
  async run({ folder }, task) {
    const imports = await task.spawnAll(
      importSource,
      Source.options.map((source) => ({ source, folder })),
      { onParentEnd: 'leave' },
    )
    const after = imports.map(({ id }) => id)
    // A report with a gap is better than none.
    const { id } = await task.spawn(report, { folder }, { after, onFailure: 'run', onParentEnd: 'leave' })
    return { imports: after, report: id }
  },
})

export const everyNight = defineSchedule({
  id: 'nightly-report',
  type: nightly,
  parameters: {},
  cron: '0 2 * * *',
  timezone: 'Europe/Berlin',
})

/** Put your database or your API here. */
function fetchRows(source: z.output<typeof Source>): { amount: number }[] {
  const amounts = { orders: [120, 80, 45], payments: [120, 80], refunds: [15] }
  return amounts[source].map((amount) => ({ amount }))
}

async function sumOf(file: string): Promise<number | null> {
  const text = await readFile(file, 'utf8').catch(() => null)
  if (text === null) return null
  return (JSON.parse(text) as { amount: number }[]).reduce((sum, { amount }) => sum + amount, 0)
}

const fileOf = (folder: string, source: string) => join(folder, `${source}.json`)
