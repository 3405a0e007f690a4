import type { FastifyReply } from 'fastify'
import type { Access, Session } from '../access/access.ts'
import { Unauthenticated } from '../core/errors.ts'
import type { Task, TaskId } from '../core/task.ts'
import type { TaskManagerApi } from '../engine/api.ts'

/** Calls with delayed responses: they end with the task, their timeout, their client, or the server. */
export class Waits {
  readonly #access: Access
  readonly #open = new Set<AbortController>()
  #closed = false

  constructor(access: Access) {
    this.#access = access
  }

  /** Responds to all that wait. */
  close(): void {
    this.#closed = true
    for (const over of this.#open) over.abort()
  }

  /** The answer of a call that may take long. Throws `Unauthenticated` if its key ends first. */
  whileLive<T>(session: Session, answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const release = this.#access.hold(session, () => reject(new Unauthenticated('invalid')))
      void answer.then(resolve, reject).finally(release)
    })
  }

  /** The answer of a call that waits until its signal is aborted: its client is gone, or the server closes. */
  async during<T>(
    session: Session,
    reply: FastifyReply,
    answer: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const over = new AbortController()
    const end = () => over.abort()
    if (this.#closed || reply.raw.destroyed) end()
    this.#open.add(over)
    reply.raw.once('close', end)
    try {
      return await this.whileLive(session, answer(over.signal))
    } catch (error) {
      end()
      throw error
    } finally {
      reply.raw.off('close', end)
      this.#open.delete(over)
    }
  }

  /** The task once it has finished; undefined if it has not within the time. */
  async forEnd(
    manager: TaskManagerApi,
    id: TaskId,
    { session, seconds, reply }: Wait,
  ): Promise<Task | undefined> {
    if (seconds <= 0 || this.#closed) return undefined
    const over = new AbortController()
    const end = () => over.abort()
    const timer = setTimeout(end, seconds * 1_000)
    this.#open.add(over)
    reply.raw.once('close', end)
    try {
      return await this.whileLive(session, manager.ended(id, { signal: over.signal }))
    } catch (error) {
      if (over.signal.aborted) return undefined
      throw error
    } finally {
      clearTimeout(timer)
      reply.raw.off('close', end)
      this.#open.delete(over)
    }
  }
}

type Wait = Readonly<{ session: Session; seconds: number; reply: FastifyReply }>

const longestWait = 60

export type Preferences = Readonly<{ wait: number | undefined; async: boolean }>

/** The supported parts of `Prefer` (RFC 7240); others are ignored, as it requires. */
export function preferencesOf(header: string | undefined): Preferences {
  const parts = header?.split(',').map((part) => part.trim().toLowerCase()) ?? []
  const waits = parts.map((part) => /^wait\s*=\s*"?(\d{1,9})"?$/.exec(part)?.[1]).find((digits) => digits)
  return {
    wait: waits === undefined ? undefined : Math.min(longestWait, Number(waits)),
    async: parts.includes('respond-async'),
  }
}

/** Lists the preferences that were applied. */
export function tellApplied(reply: FastifyReply, { wait, async }: Preferences): void {
  const applied = [...(async ? ['respond-async'] : []), ...(wait === undefined ? [] : [`wait=${wait}`])]
  if (applied.length > 0) reply.header('preference-applied', applied.join(', '))
}
