import { Client, type ClientConfig } from 'pg'
import { parse } from 'pg-connection-string'
import { databaseNameOf } from './address.ts'

/**
 * A client for the server of this connection string. The driver leaves `/`, `?` and `#` in a database name encoded, and
 * would request another database. The connection string takes precedence over `config`.
 */
export function clientOf(server: string, config: ClientConfig): Client {
  const named = databaseNameOf(server)
  return new Client({
    ...config,
    ...(parse(server) as unknown as ClientConfig),
    ...(named === undefined ? {} : { database: named }),
  })
}
