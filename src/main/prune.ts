import type { Config } from '../config.ts'
import { withoutPassword } from '../core/secrets.ts'

const atOnce = 1_000

/** Deletes what a server would delete by its retention, now, and gives the space of a SQLite file back to the disk. */
export async function runPrune(
  config: Pick<Config, 'database' | 'retention' | 'auditRetention' | 'webhookRetention'>,
): Promise<void> {
  const { compact, openStore } = await import('../database.ts')
  const { systemClock } = await import('../execution/executors/system-clock.ts')
  const { mustExist } = await import('./copy.ts')
  await mustExist(config.database)
  let [deleted, entries, deliveries] = [0, 0, 0]
  {
    await using store = await openStore(config.database, systemClock)
    for (;;) {
      const now = await store.prune(config.retention, atOnce)
      deleted += now
      if (now < atOnce) break
    }
    for (;;) {
      const now = await store.audit.prune(config.auditRetention, atOnce)
      entries += now
      if (now < atOnce) break
    }
    for (;;) {
      const now = await store.webhooks.prune(config.webhookRetention, atOnce)
      deliveries += now
      if (now < atOnce) break
    }
  }
  const sizes = compact(config.database)
  const freed = sizes === null ? '' : ` The file has ${shown(sizes.after)}, and had ${shown(sizes.before)}.`
  const found = `${deleted} tasks, ${entries} entries of the audit log and ${deliveries} deliveries`
  process.stdout.write(`${found} were deleted from ${withoutPassword(config.database)}.${freed}\n`)
}

function shown(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MB`
}
