import type { z } from 'zod'
import type { workerRoutes } from '../contract/worker-routes.ts'
import type { RegisterRequest } from '../contract/workers.ts'
import { parseDuration } from '../core/duration.ts'
import type { ClaimedTask, Standing, WorkerTypeDraft } from '../engine/workers-api.ts'
import type { HandlerContext, Handlers } from './call.ts'

/** Handlers for remote workers. */
export function workerHandlers({
  waits,
  traffic,
}: Pick<HandlerContext, 'waits' | 'traffic'>): Handlers<keyof typeof workerRoutes> {
  return {
    async registerWorker({ body: { worker, types }, manager }) {
      const { lease } = await manager.workers.register(worker, types.map(draftOf))
      return { worker, lease: lease / 1_000 }
    },

    async claimTasks({ body: { worker, types, max = 1, wait = 0 }, session, manager, reply }) {
      const tasks = await waits.during(session, reply, (signal) =>
        manager.workers.claim(worker, {
          ...(types === undefined ? {} : { types }),
          max,
          wait: wait * 1_000,
          signal,
        }),
      )
      try {
        const text = claimText(tasks)
        return await traffic.answer(reply, text.length, async () => text)
      } catch (error) {
        await manager.workers.giveBack(tasks)
        throw error
      }
    },

    async beat({ body, session, manager, reply }) {
      const { lease_token: token, wait = 0, ...beat } = body
      const { signal, leaseUntil } = await waits.during(session, reply, (over) =>
        manager.workers.beat(token, { ...beat, wait: wait * 1_000 }, over),
      )
      return { signal, lease_until: leaseUntil / 1_000 }
    },

    completeTask: async ({ body: { lease_token: token, result }, manager }) =>
      standingBody(await manager.workers.complete(token, result)),

    async failTask({ body: { lease_token: token, delay, ...failure }, manager }) {
      const later = delay === undefined ? {} : { delay: parseDuration(delay) ?? 0 }
      return standingBody(await manager.workers.fail(token, { ...failure, ...later }))
    },

    returnPausedTask: async ({ body: { lease_token: token, checkpoint }, manager }) =>
      standingBody(await manager.workers.paused(token, checkpoint)),
  }
}

function draftOf({
  max_attempts: attempts,
  timeout,
  pause = 'none',
  ...same
}: z.output<typeof RegisterRequest>['types'][number]): WorkerTypeDraft {
  return {
    ...same,
    pause,
    ...(attempts === undefined ? {} : { attempts }),
    ...(timeout == null ? {} : { timeout: parseDuration(timeout) ?? null }),
  }
}

/** Documents are JSON already. */
function claimText(tasks: readonly ClaimedTask[]): string {
  const texts = tasks.map(({ id, type, token, attempt, fence, parameters, checkpoint, leaseUntil }) => {
    const head = JSON.stringify({ task_id: id, task_type: type, lease_token: token, attempt, fence })
    return `${head.slice(0, -1)},"parameters":${parameters},"checkpoint":${checkpoint},"lease_until":${leaseUntil / 1_000}}`
  })
  return `{"tasks":[${texts.join(',')}]}`
}

function standingBody({ id, status }: Standing) {
  return { task_id: id, status }
}
