import { createHash, randomUUID } from 'node:crypto'
import type { Client } from 'pg'
import type { TaskId } from '../../core/task.ts'
import type { Signal, Signals } from '../sharing.ts'
import { clientOf } from './client.ts'
import { connectToPrimary } from './primary.ts'

/** Milliseconds between two notifications of a node: each takes a lock that all commits of the server share. */
const apart = 50
/** Maximum ids per notification, which holds 8,000 bytes, and notifications at once. What is beyond is found by polling. */
const idsAtOnce = 100
const messagesAtOnce = 10
/** Milliseconds between tests of the connection, and until a lost one is reopened. */
const testEvery = 10_000
const openAgainAfter = 1_000

type Message = Readonly<{
  from: string
  test?: number
  queued?: true
  moved?: readonly TaskId[]
  watched?: readonly TaskId[]
}>

/**
 * LISTEN and NOTIFY on a separate connection, never within a transaction. A pooler may silently swallow a LISTEN, so the
 * connection tests itself: it must receive what it sends.
 */
export class PostgresSignals implements Signals, AsyncDisposable {
  readonly #servers: readonly string[]
  readonly #channel: string
  readonly #name = randomUUID()
  readonly #listeners = new Set<Listener>()
  #wasUnreadable = false
  #client: Client | undefined
  #opening = false
  #closed = false
  #queued = false
  readonly #moved = new Set<TaskId>()
  readonly #watched = new Set<TaskId>()
  #timer: NodeJS.Timeout | undefined
  #lastFlush = 0
  #tested = 0
  #heard = 0
  readonly #testing: NodeJS.Timeout

  constructor(servers: readonly string[], schema: string) {
    this.#servers = servers
    this.#channel = channelOf(schema)
    this.#testing = setInterval(() => this.#test(), testEvery)
    this.#testing.unref()
  }

  send(signal: Signal): void {
    if (signal.kind === 'queued') this.#queued = true
    else {
      const waiting = signal.kind === 'moved' ? this.#moved : this.#watched
      for (const id of signal.ids) if (waiting.size < idsAtOnce * messagesAtOnce) waiting.add(id)
    }
    if (this.#timer !== undefined || this.#closed) return
    // The first one after a while is sent immediately, with those of the same turn of the loop.
    const wait = Math.max(0, this.#lastFlush + apart - performance.now())
    this.#timer = setTimeout(() => this.#flush(), wait)
    this.#timer.unref()
  }

  hear(hear: Listener['hear'], unreadable: Listener['unreadable']): () => void {
    const listener = { hear, unreadable }
    this.#listeners.add(listener)
    void this.#open()
    return () => this.#listeners.delete(listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    clearInterval(this.#testing)
    clearTimeout(this.#timer)
    await this.#client?.end().catch(() => undefined)
  }

  /** Without a connection, signals wait for one. */
  #flush(): void {
    this.#timer = undefined
    if (this.#client === undefined) return
    this.#lastFlush = performance.now()
    const [moved, watched] = [[...this.#moved], [...this.#watched]]
    const queued = this.#queued
    this.#moved.clear()
    this.#watched.clear()
    this.#queued = false
    const messages: Omit<Message, 'from'>[] = []
    for (let at = 0; at < watched.length; at += idsAtOnce)
      messages.push({ watched: watched.slice(at, at + idsAtOnce) })
    for (let at = 0; at < moved.length; at += idsAtOnce)
      messages.push({ moved: moved.slice(at, at + idsAtOnce) })
    if (queued) messages.unshift({ queued })
    for (const message of messages.slice(0, messagesAtOnce)) this.#notify(message)
  }

  #notify(message: Omit<Message, 'from'>): void {
    const payload = JSON.stringify({ from: this.#name, ...message } satisfies Message)
    if (payload.length > 7_900) return
    this.#client?.query('select pg_notify($1, $2)', [this.#channel, payload]).catch(() => undefined)
  }

  #take(payload = ''): void {
    const message = messageOf(payload)
    if (message === undefined) return this.#passOver(payload)
    const { from, test, queued, moved, watched } = message
    if (from === this.#name) {
      if (test === this.#tested) this.#heard = test
      return
    }
    if (queued === true) this.#tell({ kind: 'queued' })
    if (watched !== undefined) this.#tell({ kind: 'watched', ids: watched })
    if (moved !== undefined) this.#tell({ kind: 'moved', ids: moved })
  }

  #tell(signal: Signal): void {
    for (const { hear } of this.#listeners) hear(signal)
  }

  #passOver(payload: string): void {
    if (this.#wasUnreadable) return
    this.#wasUnreadable = true
    for (const { unreadable } of this.#listeners) unreadable(payload)
  }

  #test(): void {
    if (this.#client === undefined) return
    if (this.#heard < this.#tested) {
      this.#lost(this.#client)
      return
    }
    this.#tested += 1
    this.#notify({ test: this.#tested })
  }

  async #open(): Promise<void> {
    if (this.#closed || this.#opening || this.#client !== undefined) return
    this.#opening = true
    try {
      const client = await connectToPrimary(this.#servers, (server) => lineTo(server))
      if (this.#closed) return void client.end().catch(() => undefined)
      client.on('error', () => this.#lost(client))
      client.on('end', () => this.#lost(client))
      client.on('notification', ({ payload }) => this.#take(payload))
      await this.#listen(client)
    } catch {
      this.#openLater()
    } finally {
      this.#opening = false
    }
  }

  async #listen(client: Client): Promise<void> {
    try {
      await client.query(`listen "${this.#channel.replaceAll('"', '""')}"`)
      this.#heard = this.#tested
      this.#client = client
      this.#flush()
    } catch {
      this.#lost(client)
    }
  }

  #lost(client: Client): void {
    if (this.#client === client) this.#client = undefined
    client.removeAllListeners('end')
    client.end().catch(() => undefined)
    this.#openLater()
  }

  #openLater(): void {
    if (!this.#closed) setTimeout(() => void this.#open(), openAgainAfter).unref()
  }
}

/**
 * A channel name has at most 63 bytes: the server truncates a longer one in LISTEN, and rejects it in NOTIFY. Two schemas
 * with the same channel would only wake each other in vain.
 */
export function channelOf(schema: string): string {
  const name = `fermata_${schema}`
  if (Buffer.byteLength(name) <= 63) return name
  return `fermata_${createHash('sha256').update(schema).digest('hex').slice(0, 32)}`
}

type Listener = Readonly<{ hear: (signal: Signal) => void; unreadable: (payload: string) => void }>

/** Undefined for anything that no node sends: any user of the database can send arbitrary notifications. */
function messageOf(payload: string): Message | undefined {
  let said: unknown
  try {
    said = JSON.parse(payload)
  } catch {
    return undefined
  }
  if (typeof said !== 'object' || said === null || Array.isArray(said)) return undefined
  const { from, test, queued, moved, watched } = said as Readonly<Record<string, unknown>>
  if (typeof from !== 'string' || (test !== undefined && typeof test !== 'number')) return undefined
  if (queued !== undefined && queued !== true) return undefined
  if (!areIds(moved) || !areIds(watched)) return undefined
  return said as Message
}

function areIds(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.every((id) => typeof id === 'string'))
}

function lineTo(server: string): Client {
  return clientOf(server, {
    application_name: 'fermata signals',
    connectionTimeoutMillis: 5_000,
    query_timeout: 15_000,
    keepAlive: true,
    pipeline: true,
  })
}
