import type { FastifyReply } from 'fastify'
import type { Task, TaskId } from '../core/task.ts'
import type { TaskManagerApi } from '../engine/api.ts'

/** Calls that are answered late: they end with the task, with their time, with their client, or with the server. */
export class Waits {
  readonly #manager: TaskManagerApi
  readonly #open = new Set<AbortController>()
  #closed = false

  constructor(manager: TaskManagerApi) {
    this.#manager = manager
  }

  /** Answers all that wait. */
  close(): void {
    this.#closed = true
    for (const over of this.#open) over.abort()
  }

  /** The task once it has ended; undefined when it has not within the time. */
  async forEnd(id: TaskId, seconds: number, reply: FastifyReply): Promise<Task | undefined> {
    if (seconds <= 0 || this.#closed) return undefined
    const over = new AbortController()
    const end = () => over.abort()
    const timer = setTimeout(end, seconds * 1_000)
    this.#open.add(over)
    reply.raw.once('close', end)
    try {
      return await this.#manager.ended(id, { signal: over.signal })
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

const longestWait = 60

export type Preferences = Readonly<{ wait: number | undefined; async: boolean }>

/** What of `Prefer` (RFC 7240) means something here; what does not is passed over, as it asks for. */
export function preferencesOf(header: string | undefined): Preferences {
  const parts = header?.split(',').map((part) => part.trim().toLowerCase()) ?? []
  const waits = parts.map((part) => /^wait\s*=\s*"?(\d{1,9})"?$/.exec(part)?.[1]).find((digits) => digits)
  return {
    wait: waits === undefined ? undefined : Math.min(longestWait, Number(waits)),
    async: parts.includes('respond-async'),
  }
}

/** Says which preferences were followed. */
export function tellApplied(reply: FastifyReply, { wait, async }: Preferences): void {
  const applied = [...(async ? ['respond-async'] : []), ...(wait === undefined ? [] : [`wait=${wait}`])]
  if (applied.length > 0) reply.header('preference-applied', applied.join(', '))
}
