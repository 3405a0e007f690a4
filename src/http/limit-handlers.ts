import type { limitRoutes } from '../contract/limit-routes.ts'
import { limitBody } from '../contract/limits.ts'
import type { LimitDraft } from '../engine/limits.ts'
import type { HandlerContext, Handlers } from './call.ts'

/** Handlers for limits. */
export function limitHandlers({ base }: Pick<HandlerContext, 'base'>): Handlers<keyof typeof limitRoutes> {
  return {
    async listLimits({ manager }) {
      return { limits: (await manager.limits.list()).map(limitBody), next_cursor: null }
    },

    getLimit: async ({ params, manager }) => limitBody(await manager.limits.get(params.limit_name)),

    async setLimit({ params, query, body, manager, reply }) {
      const name = params.limit_name
      const { max_queued: maxQueued, ...others } = body
      const draft: LimitDraft = { ...others, ...(maxQueued === undefined ? {} : { maxQueued }) }
      const { isNew, use } = await manager.limits.set(name, draft, query)
      if (isNew) reply.code(201).header('location', `${base}/api/limits/${encodeURIComponent(name)}`)
      return limitBody(use)
    },

    async deleteLimit({ params, query, manager, reply }) {
      await manager.limits.remove(params.limit_name, query)
      void reply.code(204).send()
      return undefined
    },

    async listBuckets({ params, query: { blocked, key, limit, cursor }, manager }) {
      // One more than requested shows whether there are others.
      const found = await manager.limits.buckets(params.limit_name, {
        limit: limit + 1,
        after: cursor ?? null,
        blocked: blocked === 'true',
        ...(key === undefined ? {} : { key }),
      })
      const shown = found.slice(0, limit)
      return {
        buckets: shown.map(({ nextStartAt, ...bucket }) => ({
          ...bucket,
          next_start_at: nextStartAt === null ? null : nextStartAt / 1_000,
        })),
        next_cursor: found.length > limit ? (shown.at(-1)?.key ?? null) : null,
      }
    },
  }
}
