import { detailsBody, familyBody, logBody, resultBody, statusBody, stepsBody } from '../contract/bodies.ts'
import { explainBody } from '../contract/report-bodies.ts'
import { type taskRoutes } from '../contract/task-routes.ts'
import type { Routes } from '../contract/routes.ts'
import { OptionsInvalid, ResultNotReady } from '../core/errors.ts'
import { isTerminal, type Control } from '../core/task.ts'
import { headersOf } from '../core/trace-context.ts'
import type { SubmitOptions, UniqueSubmit } from '../engine/api.ts'
import { reasonOf, type Call, type HandlerContext, type Handlers } from './call.ts'
import { hasScope } from './credentials.ts'
import { isKnown } from './etag.ts'
import { most } from './traffic.ts'
import { asRequested } from './option-names.ts'
import { preferencesOf, tellApplied } from './waits.ts'

/** Handlers for one task. */
export function taskHandlers({
  streams,
  waits,
  traffic,
  base,
}: HandlerContext): Handlers<keyof typeof taskRoutes> {
  type Asked = Pick<Call<Routes['pauseTask']>, 'session' | 'manager' | 'params' | 'query' | 'reason'>
  const control = async (name: Control, call: Asked, fromStart = false) => {
    const { session, manager, params, query } = call
    const { task_id: id } = params
    const options = { wait: query.wait * 1_000, fromStart, ...reasonOf(call) }
    const task = await waits.whileLive(session, manager.control(id, name, options))
    return {
      message: `Request to ${name} accepted: the task is ${task.status}.`,
      task_id: id,
      status: task.status,
    }
  }

  return {
    async submitTask({ params, query, body, headers, session, manager, trace, reply }) {
      const options = { ...submitOptions(body, headers['idempotency-key']), ...headersOf(trace) }
      const { task, replayed, existing } = await asRequested(() =>
        manager.enqueue(params.task_type, body.parameters, options),
      )
      // Before waiting for the end of the task.
      traffic.forget(reply)
      reply.header('location', `${base}/api/task/${task.id}`)
      if (replayed && existing === undefined) reply.header('idempotency-replayed', 'true')
      const message =
        existing === true
          ? body.debounce === undefined
            ? `A task of type ${task.type} has this unique key already.`
            : `The task of type ${task.type} with this debounce key has these parameters now.`
          : replayed
            ? `This task of type ${task.type} was already submitted with the same idempotency key.`
            : `Task of type ${task.type} submitted.`
      const found = existing === undefined ? {} : { existing }
      const asked = preferencesOf(headers.prefer)
      tellApplied(reply, asked)
      // Its result is for callers who may read.
      const wait = hasScope(session.caller, 'read') ? (asked.wait ?? query.wait) : 0
      const ended = await waits.forEnd(manager, task.id, { session, seconds: wait, reply })
      if (ended !== undefined) {
        return traffic.answer(reply, most.details, async () => {
          const body = resultBody(await manager.details(task.id), manager.now())
          const head = JSON.stringify({ message, ...found })
          return `${head.slice(0, -1)},${body.slice(1)}`
        })
      }
      if (asked.async) reply.code(202)
      // After waiting, the caller wants the current status, not the one at submit.
      const { status } = wait > 0 ? (await manager.brief(task.id)).task : task
      return { task_id: task.id, message, status, ...found }
    },

    async submitBatch({ params, body, manager, trace }) {
      const type = params.task_type
      const drafts = body.tasks.map((task) => ({
        parameters: task.parameters,
        options: { ...submitOptions(task, undefined), ...headersOf(trace) },
      }))
      const accepted = await asRequested(() => manager.enqueueAll(type, drafts))
      const existing = accepted.filter(({ existing }) => existing === true).length
      return {
        task_ids: accepted.map(({ task }) => task.id),
        replayed: accepted.filter(({ replayed, existing }) => replayed && existing === undefined).length,
        ...(existing === 0 ? {} : { existing }),
        message: `${accepted.length} ${accepted.length === 1 ? 'task' : 'tasks'} of type ${type} submitted.`,
      }
    },

    async getTaskStatus({ params, headers, session, manager, reply }) {
      return traffic.answer(reply, most.status, async () => {
        const found = await manager.brief(params.task_id)
        if (isKnown(found.task, headers['if-none-match'], session.caller, reply)) return undefined
        return statusBody(found, manager.now())
      })
    },

    async getTaskResult({ params, query, headers, session, manager, reply }) {
      const id = params.task_id
      const { task } = await manager.brief(id)
      const asked = preferencesOf(headers.prefer)
      tellApplied(reply, { ...asked, async: false })
      if (!isTerminal(task.status)) {
        const seconds = asked.wait ?? query.wait
        const ended = await waits.forEnd(manager, id, { session, seconds, reply })
        if (ended === undefined) throw new ResultNotReady(id, (await manager.brief(id)).task.status)
      }
      return traffic.answer(reply, most.details, async () => {
        const found = await manager.details(id)
        if (!isTerminal(found.task.status)) throw new ResultNotReady(id, found.task.status)
        if (isKnown(found.task, headers['if-none-match'], session.caller, reply)) return undefined
        return resultBody(found, manager.now())
      })
    },

    async getTask({ params, headers, session, manager, reply }) {
      return traffic.answer(reply, most.details, async () => {
        const found = await manager.details(params.task_id)
        if (isKnown(found.task, headers['if-none-match'], session.caller, reply)) return undefined
        return detailsBody(found, manager.now())
      })
    },

    pauseTask: (call) => control('pause', call),
    resumeTask: (call) => control('resume', call),
    cancelTask: (call) => control('cancel', call),
    retryTask: (call) => control('retry', call, call.query.from === 'start'),

    async streamTaskEvents({ params, headers, session, manager, reply }) {
      const after = Number(headers['last-event-id'] ?? 0)
      await streams.serve({ manager, session, id: params.task_id, after }, reply)
      return undefined
    },

    getTaskLog: ({ params, query, manager, reply }) =>
      traffic.answer(reply, most.log, async () => {
        // One more than requested shows whether there are others.
        const found = await manager.log(params.task_id, { after: query.after, limit: query.limit + 1 })
        return logBody(found, query.limit)
      }),

    getTaskSteps: ({ params, query: { cursor = '0', limit }, manager, reply }) =>
      traffic.answer(reply, most.steps, async () =>
        stepsBody(await manager.steps(params.task_id, { after: Number(cursor), limit })),
      ),

    getTaskFamily: async ({ params, query, manager }) =>
      familyBody(await manager.family(params.task_id, query)),

    explainTask: async ({ params, manager }) => explainBody(await manager.explain(params.task_id)),

    async purgeTask(call) {
      const { params, manager } = call
      await manager.purge(params.task_id, reasonOf(call))
      return { message: 'Task deleted.', task_id: params.task_id }
    },
  }
}

type SubmitBody = Call<Routes['submitTask']>['body']

function uniqueOf({ on_conflict: onConflict, ...unique }: NonNullable<SubmitBody['unique']>): UniqueSubmit {
  return { ...unique, onConflict }
}

/** The options of a submit. */
export function submitOptions(body: SubmitBody, keyInHeader: string | undefined): SubmitOptions {
  const {
    parameters: _,
    run_at: runAt,
    max_attempts: maxAttempts,
    idempotency_key: keyInBody,
    unique,
    on_failure: onFailure,
    fairness_key: fairnessKey,
    expires_in: expiresIn,
    callback_url: callbackUrl,
    ...same
  } = body
  if (keyInHeader !== undefined && keyInBody !== undefined && keyInHeader !== keyInBody) {
    const message = 'differs from the header Idempotency-Key'
    throw new OptionsInvalid([{ path: 'idempotency_key', message }])
  }
  const idempotencyKey = keyInBody ?? keyInHeader
  return {
    ...same,
    ...(runAt === undefined ? {} : { runAt }),
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
    ...(onFailure === undefined ? {} : { onFailure }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(unique === undefined ? {} : { unique: uniqueOf(unique) }),
    ...(fairnessKey === undefined ? {} : { fairnessKey }),
    ...(expiresIn === undefined ? {} : { expiresIn }),
    ...(callbackUrl === undefined ? {} : { callbackUrl }),
  }
}
