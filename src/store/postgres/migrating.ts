import { StoreUnavailable } from '../../core/errors.ts'
import type { Migrated } from '../store.ts'
import { addressOf } from './address.ts'
import { Connection } from './connection.ts'
import { stateOf } from './failures.ts'
import { migrate, mustBeWhole } from './migrations.ts'

/** Milliseconds that a migration may take: creating an index on a large table takes a while. */
const patience = 21_600_000

/** Migrates the database at this address. Throws `StoreUnavailable`. */
export function migratePostgres(database: string): Promise<Migrated> {
  const { servers, schema = defaultSchema } = addressOf(database)
  return migrateSchema(servers, schema)
}

export const defaultSchema = 'fermata'

/** On a separate connection with longer timeouts. Throws `StoreUnavailable`. */
export async function migrateSchema(
  servers: readonly string[],
  schema: string,
  { evenIfUnfinished = false }: Readonly<{ evenIfUnfinished?: boolean }> = {},
): Promise<Migrated> {
  const connection = new Connection(servers, `fermata ${schema} migrations`, { answerWithin: patience })
  try {
    const session = await connection.session()
    if (!evenIfUnfinished) await mustBeWhole(session, schema)
    return await migrate(session, schema)
  } catch (error) {
    if (stateOf(error) === undefined) throw error
    const { message } = error as Error
    throw new StoreUnavailable(`The database schema cannot be migrated: ${message}.`, {
      unknown: false,
      cause: error,
    })
  } finally {
    await connection.close()
  }
}
