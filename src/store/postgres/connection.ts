import { Client, types } from 'pg'
import { StoreUnavailable } from '../../core/errors.ts'
import { connectToPrimary } from './primary.ts'
import type { Value } from './rows.ts'
import { stateOf, unavailable } from './failures.ts'

/** Whatever runs statements, one after the other; rows come as arrays. */
export type Session = Readonly<{
  /** Rejects with what the server says, or with `StoreUnavailable` when the connection is lost. */
  query(text: string, values?: readonly Parameter[]): Promise<Rows>
}>

/** A value of a statement; an array is an array of the server. */
export type Parameter = Value | readonly Value[]

export type Rows = readonly (readonly Value[])[]

/** Milliseconds for a new connection, unless an answer on one has even less: beyond them it counts as lost. */
const connectWithin = 5_000

const int8 = 20

/**
 * One connection to the server that can be written, opened when it is needed and opened anew after it was lost. Statements
 * are sent at once and answered in order, so that several of them cost one round trip. It keeps no state on the server outside
 * a transaction, and names no statement: a pooler may stand between.
 */
export class Connection {
  readonly #servers: readonly string[]
  readonly #name: string
  readonly #answerWithin: number
  #client: Client | undefined
  #opening: Promise<Client> | undefined
  #closed = false

  /** `name`: as an administrator sees it. */
  constructor(servers: readonly string[], name: string, { answerWithin = 15_000 } = {}) {
    this.#servers = servers
    this.#answerWithin = answerWithin
    this.#name = name
  }

  /**
   * The connection as it is now. Once it is lost it refuses every statement: what began on one connection must not go on
   * upon another. Throws `StoreUnavailable` when the server cannot be reached.
   */
  async session(): Promise<Session> {
    const client = this.#client ?? (await this.#connect())
    return { query: (text, values) => this.#query(client, text, values) }
  }

  /** It is not to be trusted any more: the next statement opens another one. */
  drop(): void {
    if (this.#client !== undefined) this.#forget(this.#client)
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#opening?.catch(() => undefined)
    const client = this.#client
    this.#client = undefined
    await client?.end().catch(() => undefined)
  }

  #connect(): Promise<Client> {
    if (this.#closed) {
      return Promise.reject(new StoreUnavailable('The store is closed.', { unknown: false }))
    }
    this.#opening ??= this.#connectNow().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #query(client: Client, text: string, values?: readonly Parameter[]): Promise<Rows> {
    try {
      const result = await client.query({ text, rowMode: 'array', values: values as Parameter[] })
      return result.rows ?? []
    } catch (error) {
      if (stateOf(error) !== undefined) throw error
      this.#forget(client)
      throw unavailable(error, false)
    }
  }

  #forget(client: Client): void {
    if (this.#client === client) this.#client = undefined
    client.end().catch(() => undefined)
  }

  async #connectNow(): Promise<Client> {
    try {
      const client = await connectToPrimary(this.#servers, (server) => this.#clientFor(server))
      client.on('error', () => this.#forget(client))
      client.on('end', () => this.#forget(client))
      this.#client = client
      return client
    } catch (error) {
      throw new StoreUnavailable(`The database cannot be reached: ${(error as Error).message}.`, {
        unknown: false,
        cause: error,
      })
    }
  }

  #clientFor(server: string): Client {
    return new Client({
      connectionString: server,
      application_name: this.#name,
      connectionTimeoutMillis: Math.min(connectWithin, this.#answerWithin),
      query_timeout: this.#answerWithin,
      keepAlive: true,
      types: { getTypeParser: parserOf },
      pipeline: true,
    })
  }
}

/** Whole numbers of eight bytes are numbers: none of ours is larger than those hold. */
export const parserOf: typeof types.getTypeParser = (oid: number, format?: 'text' | 'binary') =>
  oid === int8 ? Number : types.getTypeParser(oid, format)
