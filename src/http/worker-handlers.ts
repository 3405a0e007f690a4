import type { z } from 'zod'
import type { workerRoutes } from '../contract/worker-routes.ts'
import type { BeatRequest, RegisterRequest } from '../contract/workers.ts'
import { namedAwaits } from '../core/awaits.ts'
import { parseDuration } from '../core/duration.ts'
import type { ClaimedTask, Standing, WorkersApi, WorkerStep, WorkerTypeDraft } from '../engine/workers-api.ts'
import type { HandlerContext, Handlers } from './call.ts'
import { most } from './traffic.ts'

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
      // Most claims of idle workers end so: they need no room.
      if (tasks.length === 0) return { tasks }
      try {
        const text = claimText(tasks)
        return await traffic.answer(reply, text.length, async () => text)
      } catch (error) {
        await manager.workers.giveBack(tasks)
        throw error
      }
    },

    async beat({ body, session, manager, reply }) {
      const { lease_token: token, wait = 0, steps = [], ...beat } = body
      const given = { ...beat, steps: steps.map(stepOf), wait: wait * 1_000 }
      const { signal, leaseUntil } = await waits.during(session, reply, (over) =>
        manager.workers.beat(token, given, over),
      )
      return { signal, lease_until: leaseUntil / 1_000 }
    },

    async getStoredSteps({ body: { lease_token: token, after = 0 }, manager, reply }) {
      return traffic.answer(reply, most.steps, async () =>
        stepsText(await manager.workers.steps(token, after)),
      )
    },

    async lookAtWait({ body: { lease_token: token, name, ...asked }, manager }) {
      const { occurrence = 1, schema = null, message = null, timeout = null, timed_out: timedOut } = asked
      const text = schema === null ? null : JSON.stringify(schema)
      const wait = await manager.workers.wait(token, {
        name,
        occurrence,
        schema: text,
        message,
        timeout: timeout === null ? null : (parseDuration(timeout) ?? null),
        timedOut: timedOut === true,
      })
      return lookBody(wait)
    },

    async parkTask({
      body: { lease_token: token, wake_in: time, awaits = null, sleeps, checkpoint },
      manager,
    }) {
      const { over, left } = sleeps ?? { over: 0, left: [] }
      const parking = {
        wakeIn: time === undefined ? null : (parseDuration(time) ?? 0),
        awaits: awaits === null ? null : { ...awaits, waits: awaits.waits.slice(0, namedAwaits) },
        sleeps: { over, left: left.map((seconds) => seconds * 1_000) },
        checkpoint,
      }
      return standingBody(await manager.workers.park(token, parking))
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

/** Without an error, it is completed. */
function stepOf({
  name,
  occurrence = 1,
  attempts = 1,
  took = 0,
  result = null,
  error,
}: NonNullable<z.output<typeof BeatRequest>['steps']>[number]): WorkerStep {
  const step = { name, occurrence, attempts, took: took * 1_000 }
  return error === undefined ? { ...step, result } : { ...step, error }
}

function stepsText({ steps, next }: Awaited<ReturnType<WorkersApi['steps']>>): string {
  const texts = steps.map(({ name, occurrence, status, attempts, result }) => {
    const head = JSON.stringify({ name, occurrence, status, attempts })
    return `${head.slice(0, -1)},"result":${result ?? 'null'}}`
  })
  return `{"steps":[${texts.join(',')}],"next":${next}}`
}

function lookBody(wait: Awaited<ReturnType<WorkersApi['wait']>>) {
  const none = { answer: null, left: null, seen: null }
  switch (wait.kind) {
    case 'answered':
      return { ...none, status: 'answered' as const, answer: JSON.parse(wait.answer) as unknown }
    case 'timed-out':
      return { ...none, status: 'timed_out' as const }
    case 'open': {
      const left = wait.left === null ? null : wait.left / 1_000
      return { ...none, status: 'open' as const, left, seen: wait.seen }
    }
  }
}

/** Documents are JSON already. */
function claimText(tasks: readonly ClaimedTask[]): string {
  const texts = tasks.map(
    ({ id, type, token, attempt, fence, parameters, checkpoint, sleeps, leaseUntil }) => {
      const head = JSON.stringify({ task_id: id, task_type: type, lease_token: token, attempt, fence })
      const slept = sleeps && { over: sleeps.over, left: sleeps.left.map((ms) => ms / 1_000) }
      return `${head.slice(0, -1)},"parameters":${parameters},"checkpoint":${checkpoint},"sleeps":${JSON.stringify(slept)},"lease_until":${leaseUntil / 1_000}}`
    },
  )
  return `{"tasks":[${texts.join(',')}]}`
}

function standingBody({ id, status }: Standing) {
  return { task_id: id, status }
}
