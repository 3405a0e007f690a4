import { types, type Client } from 'pg'
import { StoreUnavailable } from '../../core/errors.ts'
import { arrayText } from './array.ts'
import { clientOf } from './client.ts'
import { isDirect, isNameTrouble, StatementNames } from './prepared.ts'
import { connectToPrimary } from './primary.ts'
import type { Value } from '../columns.ts'
import { beginSingle, sessionSettings, transactionSettings } from './settings.ts'
import { stateOf, unavailable } from './failures.ts'

/** Anything that runs statements, one after the other; rows are returned as arrays. */
export type Session = Readonly<{
  /** Rejects with the server's error, or with `StoreUnavailable` if the connection is lost. */
  query(text: string, values?: readonly Parameter[]): Promise<Rows>
  /** A statement outside a transaction. */
  alone(text: string, values?: readonly Parameter[]): Promise<Rows>
  /** Settings for each transaction; empty if they are set for the session. */
  readonly settings: string
  /** Sends the statements requested so far, so that the server works on them while the next one is prepared. */
  send(): void
}>

/** A value of a statement; an array is a PostgreSQL array. */
export type Parameter = Value | readonly Value[]

export type Rows = readonly (readonly Value[])[]

/** `answerWithin`: milliseconds. */
type ConnectionOptions = Readonly<{ answerWithin?: number; opened?: () => void }>

/** Milliseconds for a new connection, unless the response timeout is even shorter; after that it counts as lost. */
const connectWithin = 5_000

const int8 = 20

/**
 * One connection to the writable server, opened on demand and reopened after it was lost. Statements are sent immediately
 * and answered in order, so several of them cost one round trip. A pooler may be in between: no state is kept on the server
 * outside a transaction then. Without a pooler, the server keeps parsed statements and plans.
 */
export class Connection {
  readonly #servers: readonly string[]
  readonly #name: string
  readonly #answerWithin: number
  readonly #opened: () => void
  readonly #names = new StatementNames()
  #client: Client | undefined
  /** Undefined behind a pooler. */
  #direct: Client | undefined
  #mayName = true
  #opening: Promise<Client> | undefined
  #closed = false

  /**
   * `name`: as shown to administrators. `opened`: a new connection starts, possibly to another server: what was learned from
   * the previous one no longer holds.
   */
  constructor(
    servers: readonly string[],
    name: string,
    { answerWithin = 15_000, opened = () => {} }: ConnectionOptions = {},
  ) {
    this.#servers = servers
    this.#answerWithin = answerWithin
    this.#name = name
    this.#opened = opened
  }

  /**
   * The current connection. Once it is lost, it rejects every statement: what started on one connection must not continue on
   * another. Throws `StoreUnavailable` if the server cannot be reached.
   */
  async session(): Promise<Session> {
    const client = this.#client ?? (await this.#connect())
    return {
      query: (text, values) => this.#query(client, text, values),
      alone: (text, values) =>
        this.#direct === client ? this.#query(client, text, values) : this.#single(client, text, values),
      settings: this.#direct === client ? '' : transactionSettings,
      send: () => client.connection.stream.uncork(),
    }
  }

  /** It can no longer be trusted: the next statement opens another one. */
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

  /** Three statements in one round trip. */
  async #single(client: Client, text: string, values?: readonly Parameter[]): Promise<Rows> {
    const [, rows] = await Promise.all([
      this.#query(client, beginSingle),
      this.#query(client, text, values),
      this.#query(client, 'commit'),
    ])
    return rows
  }

  async #query(client: Client, text: string, values?: readonly Parameter[]): Promise<Rows> {
    this.#gather(client)
    try {
      const name =
        values !== undefined && this.#mayName && this.#direct === client ? this.#names.of(text) : undefined
      const result = await client.query({
        text,
        rowMode: 'array',
        values: (values ?? []).map(written),
        ...(name === undefined ? {} : { name }),
      })
      return result.rows ?? []
    } catch (error) {
      if (isNameTrouble(error)) this.#mayName = false
      else if (stateOf(error) !== undefined) throw error
      this.#forget(client)
      throw unavailable(error, false)
    }
  }

  /** What one step of the program requests is sent in one packet: each packet wakes the server. */
  #gather({ connection: { stream } }: Client): void {
    if (stream.writableCorked > 0) return
    stream.cork()
    setImmediate(() => stream.uncork())
  }

  #forget(client: Client): void {
    if (this.#client === client) this.#client = undefined
    client.end().catch(() => undefined)
  }

  async #connectNow(): Promise<Client> {
    try {
      const client = await connectToPrimary(this.#servers, (server) => this.#clientFor(server))
      if (await isDirect(client)) {
        await client.query(sessionSettings)
        this.#direct = client
      }
      client.on('error', () => this.#forget(client))
      client.on('end', () => this.#forget(client))
      this.#client = client
      this.#opened()
      return client
    } catch (error) {
      throw new StoreUnavailable(`The database cannot be reached: ${(error as Error).message}.`, {
        unknown: false,
        cause: error,
      })
    }
  }

  #clientFor(server: string): Client {
    return clientOf(server, {
      application_name: this.#name,
      connectionTimeoutMillis: Math.min(connectWithin, this.#answerWithin),
      query_timeout: this.#answerWithin,
      keepAlive: true,
      types: { getTypeParser: parserOf },
      pipeline: true,
    })
  }
}

function written(value: Parameter): Value {
  return typeof value === 'object' && value !== null ? arrayText(value) : value
}

/** 8-byte integers become numbers: none of ours exceeds their safe range. */
export const parserOf: typeof types.getTypeParser = (oid: number, format?: 'text' | 'binary') =>
  oid === int8 ? Number : types.getTypeParser(oid, format)
