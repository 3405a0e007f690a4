import type { Config } from '../config.ts'
import { withoutPassword } from '../core/secrets.ts'
import { openLog, patienceWith, signalled, unlessStopped } from './operator.ts'

/** Migrates the database, reports what it did, and exits: for those who want this apart from starting nodes. */
export async function runMigrate(config: Pick<Config, 'database' | 'logLevel' | 'logFormat'>): Promise<void> {
  const { migrate } = await import('../database.ts')
  const logger = await openLog(config, process.stdout.isTTY)
  const patience = patienceWith(logger, signalled())
  const { from, to } = await unlessStopped(migrate(config.database, patience), patience)
  const database = withoutPassword(config.database)
  const done =
    from === to ? 'was up to date' : from === 0 ? 'was created' : `was migrated from schema ${from}`
  process.stdout.write(`${database} ${done}: schema ${to}.\n`)
}
