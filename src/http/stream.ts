import type { FastifyReply } from 'fastify'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Session } from '../access/access.ts'
import { Broadcasts, type Source } from './broadcast.ts'
import { progressBody, timelineBody } from '../contract/bodies.ts'
import type { Filter } from '../core/filter.ts'
import { isTerminal } from '../core/task.ts'
import type { TaskEvent } from '../journal/event.ts'
import type { TaskManagerApi } from '../engine/api.ts'
import type { Change } from '../engine/all-events.ts'

/**
 * Bytes that may be queued for a slow client. Above, progress and log lines are skipped, and it gets nothing more until it
 * has read them.
 */
const room = 65_536
/** Bytes that may be queued for all slow clients together. Above, those that are furthest behind are disconnected. */
const roomForAll = 33_554_432

/** Consecutive heartbeats without a byte read, after which a client counts as dead. */
const deadAfter = 4

export type StreamRequest = Readonly<{
  manager: TaskManagerApi
  session: Session
  id: string
  /** Version of the last transition that the client has; 0 for all. */
  after: number
}>

export type ChangesRequest = Readonly<{
  manager: TaskManagerApi
  session: Session
  filter: Filter
  /** The client had a stream before, and has lost events since. */
  comesBack: boolean
}>

export type StreamLogger = Readonly<{ warn(fields: object, message: string): void }>

export type StreamOptions = Readonly<{
  /** Milliseconds between heartbeats. */
  heartbeat: number
  logger: StreamLogger
  /** Bytes that may be queued for all slow clients together. Default 32 MiB. */
  room?: number
}>

type Open = {
  readonly raw: ServerResponse
  readonly over: AbortController
  /** Bytes that were queued for its client at the last check. */
  waiting: number
}

/** The open event streams. A client that was disconnected comes back with its `Last-Event-ID` and misses nothing. */
export class Streams {
  readonly #heartbeat: number
  readonly #logger: StreamLogger
  readonly #room: number
  readonly #open = new Set<Open>()
  /** The sum of what is queued. It is too high if clients have read something since the last check, and never too low. */
  #waiting = 0
  #closed = false
  readonly #broadcasts = new Broadcasts()

  constructor({ heartbeat, logger, room = roomForAll }: StreamOptions) {
    this.#heartbeat = heartbeat
    this.#logger = logger
    this.#room = room
  }

  /** Ends every stream; clients see a clean end. */
  close(): void {
    this.#closed = true
    for (const { over } of this.#open) over.abort()
  }

  /** Responds with the stream of one task. Throws `TaskUnknown` before anything is sent. */
  async serve({ manager, session, id, after }: StreamRequest, reply: FastifyReply): Promise<void> {
    const { task } = await manager.brief(id)
    // An id from the future belongs to another database: everything is new then.
    const from = after > task.version ? 0 : after
    if (isTerminal(task.status) && from === task.version) {
      // Tells a browser not to reconnect.
      void reply.code(204).send()
      return
    }
    await this.#stream({ manager, session }, reply, async (write, raw, signal) => {
      for (let told = from; ;) {
        let missing = false
        for await (const event of manager.events(id, { after: told, signal })) {
          if (signal.aborted) return
          if (raw.writableLength <= room) {
            if (event.kind === 'transition') told = event.entry.version
            write(textOf(event))
          } else if (event.kind === 'transition') {
            // It is read from the store once the client has read the rest.
            missing = true
            break
          }
        }
        if (!missing) return
        await drained(raw, signal)
      }
    })
  }

  /**
   * Responds with the stream of all tasks. What a slow client cannot read is dropped, and it is told to read the tasks
   * again.
   */
  serveAll({ manager, session, filter, comesBack }: ChangesRequest, reply: FastifyReply): Promise<void> {
    return this.#stream({ manager, session }, reply, (write, raw, signal) => {
      if (comesBack) write(resync('reconnect'))
      const { promise: ended, resolve: end } = Promise.withResolvers<void>()
      let isBehind = false
      const take = (text: Buffer): void => {
        if (isBehind || signal.aborted) return
        if (raw.writableLength <= room) {
          write(text)
          return
        }
        isBehind = true
        raw.once('drain', () => {
          isBehind = false
          if (!signal.aborted) write(resync('overflow'))
        })
      }
      const source: Source = {
        changes: (until) => manager.changes(filter, { signal: until }),
        textOf: changeText,
        onError: (error) => this.#logger.warn({ err: error }, 'the stream of all tasks ended early'),
      }
      const key = JSON.stringify([session.caller.id, filter])
      const leave = this.#broadcasts.join(key, source, { take, end })
      signal.addEventListener('abort', () => end())
      if (signal.aborted) end()
      return ended.finally(leave)
    })
  }

  async #stream(
    { manager, session }: Pick<StreamRequest, 'manager' | 'session'>,
    reply: FastifyReply,
    work: (write: (text: string | Buffer) => void, raw: ServerResponse, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    reply.hijack()
    const { raw } = reply
    if (raw.destroyed) return
    const over = new AbortController()
    if (this.#closed) over.abort()
    const stream: Open = { raw, over, waiting: 0 }
    this.#open.add(stream)
    // A client that disconnects during a write is not an error.
    raw.on('error', () => over.abort())
    // Clients see a clean end; they reconnect, and are refused.
    const release = manager.access.hold(session, () => over.abort())
    raw.on('close', () => {
      release()
      this.#leave(stream)
    })
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    const write = (text: string | Buffer) => {
      // Otherwise Node writes in a later tick, and broadcasts could not tell how long it takes.
      raw.socket?.cork()
      raw.write(text)
      raw.socket?.uncork()
      this.#weigh(stream)
    }
    write(':\n\n')
    let silent = 0
    const beat = setInterval(() => {
      silent = raw.writableLength > 0 ? silent + 1 : 0
      if (silent > deadAfter) raw.destroy()
      else write(':\n\n')
    }, this.#heartbeat)
    try {
      await work(write, raw, over.signal)
    } catch (error) {
      this.#logger.warn(
        { err: error, path: reply.request.url.split('?', 1)[0], request_id: reply.request.id },
        'an event stream ended early',
      )
    } finally {
      clearInterval(beat)
      raw.end()
    }
  }

  #leave(stream: Open): void {
    stream.over.abort()
    if (this.#open.delete(stream)) this.#waiting -= stream.waiting
  }

  #weigh(stream: Open): void {
    if (!this.#open.has(stream)) return
    const { writableLength } = stream.raw
    this.#waiting += writableLength - stream.waiting
    stream.waiting = writableLength
    if (this.#waiting > this.#room) this.#relieve()
  }

  /** Checks all of them. If too much is queued, it disconnects those that are furthest behind until there is some room. */
  #relieve(): void {
    this.#waiting = 0
    for (const stream of this.#open) {
      stream.waiting = stream.raw.writableLength
      this.#waiting += stream.waiting
    }
    const enough = this.#room * 0.75
    if (this.#waiting <= enough) return
    const before = this.#open.size
    for (const stream of [...this.#open].sort((one, other) => other.waiting - one.waiting)) {
      if (this.#waiting <= enough) break
      this.#leave(stream)
      stream.raw.destroy()
    }
    const streams = before - this.#open.size
    this.#logger.warn({ streams }, 'event streams were closed because their clients read too slowly')
  }
}

async function drained(raw: ServerResponse, signal: AbortSignal): Promise<void> {
  if (raw.writableNeedDrain) await once(raw, 'drain', { signal }).catch(() => undefined)
}

function resync(why: 'reconnect' | 'overflow'): string {
  return `event: resync\ndata: {"why":"${why}"}\n\n`
}

function changeText(change: Change): string {
  if (change.kind === 'resync') return resync('overflow')
  const type = change.kind === 'transition' ? change.task.type : change.type
  // Clients send the id back in Last-Event-ID, which identifies a broken connection.
  const id = change.kind === 'transition' ? `id: ${change.id}-${change.entry.version}\n` : ''
  return `${id}${framed(change, { task_type: type, ...dataOf(change) })}`
}

function textOf(event: TaskEvent): string {
  return `${event.kind === 'transition' ? `id: ${event.entry.version}\n` : ''}${framed(event, dataOf(event))}`
}

function dataOf(event: TaskEvent): object {
  switch (event.kind) {
    case 'transition':
      return timelineBody(event.entry)
    case 'progress':
      return { at: event.progress.at / 1_000, ...progressBody(event.progress, event.progress.at) }
    case 'log':
      return { at: event.at / 1_000, message: event.message }
  }
}

/** JSON has no line breaks, so one data line is enough. */
function framed({ kind, id }: TaskEvent, data: object): string {
  return `event: ${kind}\ndata: ${JSON.stringify({ task_id: id, ...data })}\n\n`
}
