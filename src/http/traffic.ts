import type { FastifyReply } from 'fastify'
import { Readable } from 'node:stream'
import { Budget, type Share } from './budget.ts'
import { RequestRefused } from './problems.ts'

const mebibyte = 1_048_576

/** Answers up to this size are not counted: a connection costs about as much. */
const small = 65_536

/** Bytes of answers that are made or wait for their readers. */
const total = 48 * mebibyte

/** Milliseconds that a request waits for room before it is refused. */
const longestWait = 10_000
/** Milliseconds after which a reader that takes nothing loses its answer, when others wait for the room. */
const longestStall = 3_000

/** The most that an answer can be, in bytes: what is reserved until it is there and its size known. */
export const most = {
  /** With the parameters. */
  status: 1.25 * mebibyte,
  /** With parameters, checkpoint and result. */
  details: 13 * mebibyte,
  page: 6 * mebibyte,
  log: 6 * mebibyte,
} as const

type Sending = { readonly reply: FastifyReply; takenAt: number }

/** Bounds the memory of answers that wait for slow readers, over all connections. */
export class Traffic {
  readonly #answers = new Budget(total)
  readonly #sending = new Set<Sending>()
  #watch: NodeJS.Timeout | undefined

  /**
   * The text that `write` makes, which is at most about so large, once there is room for it. A large one is a stream that
   * holds its room until it is read, or its reader has stalled for too long. Throws `OVERLOADED`.
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
      if (budget.isWanted) this.#watchReaders()
      const share = await taking
      if (share !== undefined) return share
    } finally {
      clearTimeout(timer)
      reply.raw.off('close', end)
    }
    throw new RequestRefused(
      'OVERLOADED',
      'The server has no memory left for this request now: send it again later.',
    )
  }

  /** While somebody waits for room, readers that take nothing do not keep theirs. */
  #watchReaders(): void {
    this.#watch ??= setInterval(() => {
      const now = performance.now()
      for (const { reply, takenAt } of this.#sending) {
        if (now - takenAt > longestStall) reply.raw.destroy()
      }
      if (this.#answers.isWanted) return
      clearInterval(this.#watch)
      this.#watch = undefined
    }, 500).unref()
  }
}

function* partsOf(bytes: Buffer, sending: Sending): Generator<Buffer> {
  for (let from = 0; from < bytes.length; from += small) {
    sending.takenAt = performance.now()
    yield bytes.subarray(from, from + small)
  }
}
