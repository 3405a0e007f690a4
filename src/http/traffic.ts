import type { FastifyReply, FastifyRequest } from 'fastify'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { gathered } from './body.ts'
import { Budget, type Share } from './budget.ts'
import { refuseOnSocket, RequestRefused } from './problems.ts'

const mebibyte = 1_048_576

/** Bodies and responses up to this size are not counted: a connection costs about as much. */
const small = 65_536
/** Values that a body may have without being admitted for them; a shorter text in characters cannot have more. */
export const fewValues = 5_000
/** Bodies above this size are batches. */
const ordinary = 2 * mebibyte

/**
 * Bytes in memory at once. A body costs five times its size while it is read, parsed and stored, so one of the largest
 * batches is received at a time; other bodies do not wait for it. Responses count while they are built or wait for their
 * readers.
 */
const totals = { bodies: 16 * mebibyte, batches: 32 * mebibyte, answers: 48 * mebibyte }

/**
 * JSON values in one body, and in all large bodies that are being parsed or stored. A task with parameters of 1 MiB cannot
 * have more.
 */
export const mostValues = 600_000

/** Milliseconds that a request waits for room before it is refused. */
const longestWait = 10_000
/** Milliseconds after which a client that neither reads nor sends loses its room when others wait for it. */
const longestStall = 3_000

/** The maximum size of a response in bytes, reserved until its actual size is known. */
export const most = {
  /** With the parameters. */
  status: 1.25 * mebibyte,
  /** With parameters, checkpoint and result. */
  details: 13 * mebibyte,
  page: 6 * mebibyte,
  log: 6 * mebibyte,
  steps: 7 * mebibyte,
  waits: 13 * mebibyte,
} as const

/** Memory for one response, until it is sent. */
export type Room = Readonly<{
  /** Waits until so many bytes are free, in place of those taken before. Throws `OVERLOADED`. */
  take: (bytes: number) => Promise<void>
  /** The text as a response: a large one is a stream that keeps its room until it is read. */
  fill: (text: string) => string | Readable
}>

type Sending = { readonly reply: FastifyReply; takenAt: number }

/** `bytes`: what its socket had read at the last check. */
type Receiving = {
  readonly request: FastifyRequest
  readonly budget: Budget
  readonly share: Share
  bytes: number
  movedAt: number
}

/** Limits the memory of incoming bodies and of responses for slow readers, over all connections. */
export class Traffic {
  readonly #bodies = new Budget(totals.bodies)
  readonly #batches = new Budget(totals.batches)
  readonly #answers = new Budget(totals.answers)
  readonly #values = new Budget(mostValues)
  /** What admits a body knows the response to come; what parses it knows the request. */
  readonly #replies = new WeakMap<FastifyRequest, FastifyReply>()
  readonly #holding = new Map<FastifyReply, Share>()
  readonly #receiving = new Map<FastifyReply, Receiving>()
  readonly #sending = new Set<Sending>()
  #watch: NodeJS.Timeout | undefined

  /**
   * Waits, with the body unread, until there is room for it, and returns the body to read. Throws `OVERLOADED`. The room is
   * released when the body is no longer needed (`forget`), or at the end of the call. The size of a chunked body is unknown
   * before its end: as soon as it is more than small, it reserves room for the largest one.
   */
  admit(
    request: FastifyRequest,
    reply: FastifyReply,
    payload: Readable,
    limit: number,
  ): Readable | Promise<Readable> {
    const announced = request.headers['content-length']
    const length = announced === undefined ? undefined : Number(announced)
    if (length === undefined || length > fewValues) this.#replies.set(request, reply)
    // A larger one is refused without being read.
    if (length !== undefined && (length <= small || length > limit)) {
      if (length <= small) sendContinue(request, reply)
      return payload
    }
    const gather = () => {
      sendContinue(request, reply)
      const admit = () => this.#reserve(request, reply, limit)
      const body = gathered(payload, { length, limit, small, admit })
      reply.raw.once('close', () => body.destroy())
      return body
    }
    return length === undefined ? gather() : this.#reserve(request, reply, length).then(gather)
  }

  /** The contents of the body are stored or refused: its room is free for others. */
  forget(reply: FastifyReply): void {
    this.#receiving.get(reply)?.share.release()
    this.#receiving.delete(reply)
    this.#holding.get(reply)?.release()
    this.#holding.delete(reply)
  }

  /** Waits until there is room for the values of a body that was admitted and received. Throws `OVERLOADED`. */
  async admitValues(request: FastifyRequest, values: number): Promise<void> {
    const reply = this.#replies.get(request)
    if (reply === undefined) return
    this.#holding.set(reply, await this.#take(this.#values, values, reply))
    this.#untilClosed(reply)
  }

  async #reserve(request: FastifyRequest, reply: FastifyReply, length: number): Promise<void> {
    const budget = length > ordinary ? this.#batches : this.#bodies
    const share = await this.#take(budget, length, reply)
    const bytes = request.raw.socket.bytesRead
    this.#receiving.set(reply, { request, budget, share, bytes, movedAt: performance.now() })
    this.#untilClosed(reply)
  }

  #untilClosed(reply: FastifyReply): void {
    reply.raw.once('close', () => this.forget(reply))
    if (reply.raw.destroyed) this.forget(reply)
  }

  /**
   * The text from `write`, of about this size at most, once there is room for it. A large one is a stream that keeps its
   * room until it is read, or until its reader has stalled for too long. Throws `OVERLOADED`.
   */
  async answer<Nothing>(
    reply: FastifyReply,
    atMost: number,
    write: () => Promise<string | Nothing>,
  ): Promise<string | Readable | Nothing> {
    const share = await this.#take(this.#answers, atMost, reply)
    try {
      const text = await write()
      if (typeof text !== 'string' || text.length <= small) {
        share.release()
        return text
      }
      return this.#stream(Buffer.from(text), share, reply)
    } catch (error) {
      share.release()
      throw error
    }
  }

  /** Room for a response that learns late how much it needs. */
  room(reply: FastifyReply): Room {
    let share: Share | undefined
    const release = () => {
      share?.release()
      share = undefined
    }
    reply.raw.once('close', release)
    return {
      take: async (bytes) => {
        // Calls that keep some while they wait for more could wait for each other.
        release()
        share = await this.#take(this.#answers, bytes, reply)
        if (reply.raw.destroyed) release()
      },
      fill: (text) => {
        if (text.length > small && share !== undefined) return this.#stream(Buffer.from(text), share, reply)
        release()
        return text
      },
    }
  }

  #stream(bytes: Buffer, share: Share, reply: FastifyReply): Readable {
    share.resize(bytes.length)
    const sending: Sending = { reply, takenAt: performance.now() }
    this.#sending.add(sending)
    const over = () => {
      share.release()
      this.#sending.delete(sending)
    }
    reply.raw.once('close', over)
    if (reply.raw.destroyed) over()
    reply.header('content-length', bytes.length)
    return Readable.from(partsOf(bytes, sending), { objectMode: false, highWaterMark: small })
  }

  async #take(budget: Budget, bytes: number, reply: FastifyReply): Promise<Share> {
    const over = new AbortController()
    const end = () => over.abort()
    const timer = setTimeout(end, longestWait)
    reply.raw.once('close', end)
    try {
      const taking = budget.take(bytes, over.signal)
      if (budget.isWanted) this.#watchClients()
      const share = await taking
      if (share !== undefined) return share
    } finally {
      clearTimeout(timer)
      reply.raw.off('close', end)
    }
    throw new RequestRefused(
      'OVERLOADED',
      'The server has no memory for this request at the moment. Try again later.',
    )
  }

  /** While others wait for room, clients that make no progress lose theirs. */
  #watchClients(): void {
    this.#watch ??= setInterval(() => {
      const now = performance.now()
      if (this.#answers.isWanted) {
        for (const { reply, takenAt } of this.#sending) {
          if (now - takenAt > longestStall) reply.raw.destroy()
        }
      }
      for (const [reply, receiving] of this.#receiving) this.#lookAt(reply, receiving, now)
      if (this.#answers.isWanted || this.#bodies.isWanted || this.#batches.isWanted) return
      clearInterval(this.#watch)
      this.#watch = undefined
    }, 500).unref()
  }

  #lookAt(reply: FastifyReply, receiving: Receiving, now: number): void {
    const { request, budget, bytes, movedAt } = receiving
    const { socket, complete } = request.raw
    if (complete || socket.bytesRead > bytes) {
      receiving.bytes = socket.bytesRead
      receiving.movedAt = now
    } else if (budget.isWanted && now - movedAt > longestStall) {
      this.forget(reply)
      endAsLate(socket, request.id)
    }
  }
}

/** Requests whose clients wait for permission to send the body. */
const expecting = new WeakSet<IncomingMessage>()

/** Sends nothing until the body is admitted: a server that emits `request` for its `checkContinue` calls this first. */
export function deferContinue(request: IncomingMessage): void {
  expecting.add(request)
}

function sendContinue({ raw: request }: FastifyRequest, { raw: response }: FastifyReply): void {
  if (expecting.delete(request)) response.writeContinue()
}

function endAsLate(socket: Socket, requestId: string): void {
  const late = Object.assign(new Error('the request body stalled'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })
  refuseOnSocket(late, socket, requestId)
  socket.destroySoon()
}

function* partsOf(bytes: Buffer, sending: Sending): Generator<Buffer> {
  for (let from = 0; from < bytes.length; from += small) {
    sending.takenAt = performance.now()
    yield bytes.subarray(from, from + small)
  }
}
