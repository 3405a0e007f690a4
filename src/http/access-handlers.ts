import { keyBody, keyDraft } from '../contract/access.ts'
import { auditBody } from '../contract/audit.ts'
import type { accessRoutes } from '../contract/access-routes.ts'
import type { Route } from '../contract/route.ts'
import { parseDuration } from '../core/duration.ts'
import { withReason, type Origin } from '../core/caller.ts'
import { KeyUnknown, TaskUnknown } from '../core/errors.ts'
import type { TaskManagerApi } from '../engine/api.ts'
import type { Call, HandlerContext, Handlers } from './call.ts'

/** Handlers for callers and keys. */
export function accessHandlers({ access, base }: HandlerContext): Handlers<keyof typeof accessRoutes> {
  return {
    getMe: ({ session }) => {
      const { id, name, scopes, types, tags } = session.caller
      return { id, name, scopes, types, tags }
    },

    async createKey(call) {
      const { body, reply } = call
      const { key, text } = await access.create(keyDraft(body), originOf(call, body.reason))
      reply.code(201).header('location', `${base}/api/keys/${key.id}`)
      reply.header('cache-control', 'no-store')
      return { ...keyBody(key), key: text }
    },

    listKeys: async () => ({ keys: (await access.list()).map(keyBody), next_cursor: null }),

    async getKey({ params }) {
      const key = (await access.list()).find(({ id }) => id === params.key_id)
      if (key === undefined) throw new KeyUnknown(params.key_id)
      return keyBody(key)
    },

    async rotateKey(call) {
      const { params, body, reply } = call
      const overlap = parseDuration(body.overlap ?? 0) ?? 0
      const { key, text } = await access.rotate(params.key_id, overlap, originOf(call, body.reason))
      reply.header('cache-control', 'no-store')
      return { ...keyBody(key), key: text }
    },

    async revokeKey(call) {
      const { params, query, reply } = call
      await access.revoke(params.key_id, originOf(call, query.reason ?? call.reason))
      void reply.code(204).send()
      return undefined
    },

    async listAudit({ query, manager }) {
      const { limit, cursor, ...filter } = query
      const taskId = filter.task_id === undefined ? undefined : await wholeId(manager, filter.task_id)
      const page = await manager.audit(
        {
          ...(filter.caller === undefined ? {} : { caller: filter.caller }),
          ...(filter.action === undefined ? {} : { action: filter.action }),
          ...(taskId === undefined ? {} : { taskId }),
          ...(filter.after === undefined ? {} : { after: Math.ceil(filter.after * 1_000) }),
          ...(filter.before === undefined ? {} : { before: Math.ceil(filter.before * 1_000) }),
        },
        { limit, ...(cursor === undefined ? {} : { cursor }) },
      )
      return auditBody(page)
    },
  }
}

function originOf(
  { session, requestId }: Pick<Call<Route>, 'session' | 'requestId'>,
  reason: string | undefined,
): Origin {
  return withReason({ caller: session.caller, requestId }, reason)
}

/** Part of the id of a task that was deleted matches nothing. */
async function wholeId(manager: TaskManagerApi, text: string): Promise<string> {
  try {
    return await manager.resolve(text)
  } catch (error) {
    if (error instanceof TaskUnknown) return text
    throw error
  }
}
