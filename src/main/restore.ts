import type { Config } from '../config.ts'
import { withoutPassword } from '../core/secrets.ts'

/** Restores a backup into the embedded database, which no server may have open. */
export async function runRestore(
  config: Pick<Config, 'database'>,
  [backup = '']: readonly string[],
  { force = false }: Readonly<{ force?: boolean }>,
): Promise<void> {
  const { restore } = await import('../database.ts')
  const { tasks, replaced } = restore(config.database, backup, { force, now: new Date() })
  const kept = replaced === null ? '' : ` The database that was there is now ${replaced}.`
  process.stdout.write(
    `${withoutPassword(config.database)} was restored from ${backup}: ${tasks} tasks.${kept}\nTasks that were running continue from their checkpoints at the next start. To look around first, use fermata serve --start-held.\n`,
  )
}
