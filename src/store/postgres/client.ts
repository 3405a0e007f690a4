import { Client, type ClientConfig } from 'pg'
import { parse } from 'pg-connection-string'
import { databaseNameOf } from './address.ts'

/**
 * A client of the server that this connection string names. The driver leaves `/`, `?` and `#` in the name of a database
 * encoded, and would ask for another one. What the connection string sets wins over `config`.
 */
export function clientOf(server: string, config: ClientConfig): Client {
  const named = databaseNameOf(server)
  return new Client({
    ...config,
    ...(parse(server) as unknown as ClientConfig),
    ...(named === undefined ? {} : { database: named }),
  })
}
