import { types, type Client } from 'pg'
import { StoreUnavailable } from '../../core/errors.ts'
import { arrayText } from './array.ts'
import { clientOf } from './client.ts'
import { isDirect, isNameTrouble, StatementNames } from './prepared.ts'
import { connectToPrimary } from './primary.ts'
import type { Value } from '../columns.ts'
import { beginSingle, sessionSettings, transactionSettings } from './settings.ts'
import { stateOf, unavailable } from './failures.ts'

/** Whatever runs statements, one after the other; rows come as arrays. */
export type Session = Readonly<{
  /** Rejects with what the server says, or with `StoreUnavailable` when the connection is lost. */
  query(text: string, values?: readonly Parameter[]): Promise<Rows>
  /** A statement that is no part of a transaction. */
  alone(text: string, values?: readonly Parameter[]): Promise<Rows>
  /** To be set in each transaction; empty where it is set for the session. */
  readonly settings: string
  /** What was asked for leaves now, so that the server is at it while the next statement is made. */
  send(): void
}>

/** A value of a statement; an array is an array of the server. */
export type Parameter = Value | readonly Value[]

export type Rows = readonly (readonly Value[])[]

/** `answerWithin`: milliseconds. */
type ConnectionOptions = Readonly<{ answerWithin?: number; opened?: () => void }>

/** Milliseconds for a new connection, unless an answer on one has even less: beyond them it counts as lost. */
const connectWithin = 5_000

const int8 = 20

/**
 * One connection to the server that can be written, opened when it is needed and opened anew after it was lost. Statements
 * are sent at once and answered in order, so that several of them cost one round trip. A pooler may stand between: then it keeps
 * no state on the server outside a transaction. Where none does, the server keeps what it has parsed and planned.
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
   * `name`: as an administrator sees it. `opened`: a connection begins, to a server that may be another one than before: what was
   * learnt by the one before holds no more.
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
   * The connection as it is now. Once it is lost it refuses every statement: what began on one connection must not go on
   * upon another. Throws `StoreUnavailable` when the server cannot be reached.
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

  /** Three statements at once, in one round trip. */
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

  /** What one step of the program asks for leaves in one packet: each packet wakes the server. */
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

/** Whole numbers of eight bytes are numbers: none of ours is larger than those hold. */
export const parserOf: typeof types.getTypeParser = (oid: number, format?: 'text' | 'binary') =>
  oid === int8 ? Number : types.getTypeParser(oid, format)
