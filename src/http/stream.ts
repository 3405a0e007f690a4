import type { FastifyReply } from 'fastify'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { progressBody, timelineBody } from '../contract/bodies.ts'
import type { Filter } from '../core/filter.ts'
import { isTerminal } from '../core/task.ts'
import type { TaskEvent } from '../events/event.ts'
import type { TaskManagerApi } from '../manager/api.ts'
import type { Change } from '../manager/changes.ts'

/** Bytes that may wait for a slow client: above the first, progress and log lines are left out; above the second it is cut off. */
const patience = { lines: 65_536, transitions: 1_048_576 } as const

/** Heartbeats in a row without a byte taken, after which a client is taken for dead. */
const deadAfter = 4

export type StreamRequest = Readonly<{
  id: string
  /** Version of the last transition that the client has; 0 for all. */
  after: number
}>

export type ChangesRequest = Readonly<{
  filter: Filter
  /** It had a stream before, and lost events since. */
  comesBack: boolean
}>

export type StreamLogger = Readonly<{ warn(fields: object, message: string): void }>

export type StreamOptions = Readonly<{
  /** Milliseconds between signs of life. */
  heartbeat: number
  logger: StreamLogger
}>

/** The open streams of server-sent events. A client that was cut off comes back with its `Last-Event-ID` and misses nothing. */
export class Streams {
  readonly #manager: TaskManagerApi
  readonly #heartbeat: number
  readonly #logger: StreamLogger
  readonly #open = new Set<AbortController>()
  #closed = false

  constructor(manager: TaskManagerApi, { heartbeat, logger }: StreamOptions) {
    this.#manager = manager
    this.#heartbeat = heartbeat
    this.#logger = logger
  }

  /** Ends every stream; each client sees a clean end. */
  close(): void {
    this.#closed = true
    for (const over of this.#open) over.abort()
  }

  /** Answers with the stream of one task. Throws `TaskUnknown` before anything is sent. */
  async serve({ id, after }: StreamRequest, reply: FastifyReply): Promise<void> {
    const { task } = await this.#manager.brief(id)
    // An id from the future belongs to another database: everything is news then.
    const from = after > task.version ? 0 : after
    if (isTerminal(task.status) && from === task.version) {
      // Tells a browser to stop coming back.
      void reply.code(204).send()
      return
    }
    await this.#stream(reply, async (raw, signal) => {
      for await (const event of this.#manager.events(id, { after: from, signal })) {
        if (signal.aborted) break
        if (event.kind !== 'transition' && raw.writableLength > patience.lines) continue
        raw.write(textOf(event))
        if (raw.writableLength > patience.transitions) raw.destroy()
      }
    })
  }

  /** Answers with the stream of all tasks. What a slow client cannot take is forgotten, and it is told to look again. */
  serveAll({ filter, comesBack }: ChangesRequest, reply: FastifyReply): Promise<void> {
    return this.#stream(reply, async (raw, signal) => {
      if (comesBack) raw.write(resync('reconnect'))
      for await (const change of this.#manager.changes(filter, { signal })) {
        if (signal.aborted) break
        raw.write(change.kind === 'resync' ? resync('overflow') : sharedText(change))
        if (raw.writableLength > patience.lines) await drained(raw, signal)
      }
    })
  }

  async #stream(
    reply: FastifyReply,
    work: (raw: ServerResponse, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const over = new AbortController()
    if (this.#closed) over.abort()
    this.#open.add(over)
    reply.hijack()
    const { raw } = reply
    // A client that leaves in the middle of a write is no error.
    raw.on('error', () => over.abort())
    raw.on('close', () => over.abort())
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    raw.write(':\n\n')
    let silent = 0
    const beat = setInterval(() => {
      silent = raw.writableLength > 0 ? silent + 1 : 0
      if (silent > deadAfter) raw.destroy()
      else raw.write(':\n\n')
    }, this.#heartbeat)
    try {
      await work(raw, over.signal)
    } catch (error) {
      this.#logger.warn(
        { err: error, path: reply.request.url.split('?', 1)[0], request_id: reply.request.id },
        'a stream of events broke off',
      )
    } finally {
      clearInterval(beat)
      this.#open.delete(over)
      raw.end()
    }
  }
}

async function drained(raw: ServerResponse, signal: AbortSignal): Promise<void> {
  if (raw.writableNeedDrain) await once(raw, 'drain', { signal }).catch(() => undefined)
}

function resync(why: 'reconnect' | 'overflow'): string {
  return `event: resync\ndata: {"why":"${why}"}\n\n`
}

/** Written once for all who watch. */
const texts = new WeakMap<Change, string>()

function sharedText(event: TaskEvent): string {
  const known = texts.get(event)
  if (known !== undefined) return known
  const type = event.kind === 'transition' ? event.task.type : event.type
  // The id is there to come back in Last-Event-ID, by which a broken connection is known.
  const id = event.kind === 'transition' ? `id: ${event.id}-${event.entry.version}\n` : ''
  const text = `${id}${framed(event, { task_type: type, ...dataOf(event) })}`
  texts.set(event, text)
  return text
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

/** JSON has no line breaks, so one line of data is enough. */
function framed({ kind, id }: TaskEvent, data: object): string {
  return `event: ${kind}\ndata: ${JSON.stringify({ task_id: id, ...data })}\n\n`
}
