import type { FastifyReply } from 'fastify'
import type { Task, TaskId } from '../core/task.ts'
import type { TaskManagerApi } from '../engine/api.ts'

/** Calls with delayed responses: they end with the task, their timeout, their client, or the server. */
export class Waits {
  readonly #open = new Set<AbortController>()
  #closed = false

  /** Responds to all that wait. */
  close(): void {
    this.#closed = true
    for (const over of this.#open) over.abort()
  }

  /** The task once it has finished; undefined if it has not within the time. */
  async forEnd(manager: TaskManagerApi, id: TaskId, { seconds, reply }: Wait): Promise<Task | undefined> {
    if (seconds <= 0 || this.#closed) return undefined
    const over = new AbortController()
    const end = () => over.abort()
    const timer = setTimeout(end, seconds * 1_000)
    this.#open.add(over)
    reply.raw.once('close', end)
    try {
      return await manager.ended(id, { signal: over.signal })
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

type Wait = Readonly<{ seconds: number; reply: FastifyReply }>

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
