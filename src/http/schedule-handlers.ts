import cronstrue from 'cronstrue'
import type { z } from 'zod'
import type { scheduleRoutes } from '../contract/schedule-routes.ts'
import { scheduleBody, tickBody, type ScheduleRequest } from '../contract/schedules.ts'
import type { ScheduleInfo, SchedulesApi } from '../engine/schedules-api.ts'
import type { HandlerContext, Handlers } from './call.ts'
import { asRequested } from './option-names.ts'

/** Handlers for schedules. */
export function scheduleHandlers({
  base,
}: Pick<HandlerContext, 'base'>): Handlers<keyof typeof scheduleRoutes> {
  return {
    async previewSchedule({ body, manager }) {
      const { definition, nextTicks } = await asRequested(() => manager.schedules.preview(draftOf(body)))
      return { in_words: wordsOf(definition), next_ticks: nextTicks.map((tickAt) => tickAt / 1_000) }
    },

    async createSchedule({ body, manager, reply }) {
      const info = await asRequested(() => manager.schedules.create(draftOf(body)))
      reply.code(201).header('location', `${base}/api/schedules/${info.schedule.id}`)
      return bodyOf(info)
    },

    async listSchedules({ query, manager }) {
      const { limit, cursor: after } = query
      const page = await manager.schedules.list({ limit, ...(after === undefined ? {} : { after }) })
      return { schedules: page.schedules.map(bodyOf), next_cursor: page.next }
    },

    getSchedule: async ({ params, manager }) => bodyOf(await manager.schedules.get(params.schedule_id)),

    async replaceSchedule({ params: { schedule_id: id }, body, manager }) {
      const draft = draftOf({ ...body, id })
      return bodyOf(await asRequested(() => manager.schedules.replace(id, draft)))
    },

    async deleteSchedule({ params, manager, reply }) {
      await manager.schedules.remove(params.schedule_id)
      void reply.code(204).send()
      return undefined
    },

    async pauseSchedule({ params, query: { reason }, manager }) {
      const options = reason === undefined ? {} : { reason }
      return bodyOf(await manager.schedules.pause(params.schedule_id, options))
    },

    resumeSchedule: async ({ params, manager }) => bodyOf(await manager.schedules.resume(params.schedule_id)),

    runSchedule: async ({ params, manager }) => ({
      task_id: await manager.schedules.run(params.schedule_id),
    }),

    async backfillSchedule({ params, body, manager }) {
      const { ticks, operationId } = await manager.schedules.backfill(params.schedule_id, body)
      return { ticks, operation_id: operationId }
    },

    async listTicks({ params, query: { limit, cursor }, manager }) {
      const before = cursor === undefined ? {} : { before: Number(cursor) }
      const ticks = await manager.schedules.ticks(params.schedule_id, { limit, ...before })
      const last = ticks.at(-1)
      return {
        ticks: ticks.map(tickBody),
        next_cursor: ticks.length < limit || last === undefined ? null : String(last.tickAt),
      }
    },
  }
}

function bodyOf(info: ScheduleInfo) {
  return scheduleBody(info, wordsOf(info.schedule))
}

function draftOf(body: z.output<typeof ScheduleRequest>): Parameters<SchedulesApi['create']>[0] {
  const { options, catch_up: catchUp, pause_on_failures: pauseOnFailures, ...same } = body
  const {
    max_attempts: maxAttempts,
    expires_in: expiresIn,
    fairness_key: fairnessKey,
    callback_url: callbackUrl,
    backoff,
    ...others
  } = options ?? {}
  return {
    ...same,
    ...(catchUp === undefined ? {} : { catchUp }),
    ...(pauseOnFailures === undefined ? {} : { pauseOnFailures }),
    options: {
      ...others,
      ...(maxAttempts === undefined ? {} : { maxAttempts }),
      ...(expiresIn === undefined ? {} : { expiresIn }),
      ...(backoff === undefined ? {} : { backoff }),
      ...(fairnessKey === undefined ? {} : { fairnessKey }),
      ...(callbackUrl === undefined ? {} : { callbackUrl }),
    },
  }
}

const units = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const

/** When a schedule ticks, in English. */
export function wordsOf({
  cron,
  every,
}: Readonly<{ cron: readonly string[]; every: number | null }>): string {
  if (every === null) return cron.map(expressionWords).join('; ')
  const [unit, length] = units.find(([, size]) => (every / 1_000) % size === 0) ?? units[3]
  const count = every / 1_000 / length
  return count === 1 ? `Every ${unit}` : `Every ${count} ${unit}s`
}

function expressionWords(expression: string): string {
  try {
    return cronstrue.toString(expression, { use24HourTimeFormat: true, verbose: false })
  } catch {
    return expression
  }
}
