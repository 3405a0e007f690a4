import { keyBody, keyDraft } from '../contract/access.ts'
import type { accessRoutes } from '../contract/access-routes.ts'
import { parseDuration } from '../core/duration.ts'
import { KeyUnknown } from '../core/errors.ts'
import type { HandlerContext, Handlers } from './call.ts'

/** Handlers for callers and keys. */
export function accessHandlers({ access, base }: HandlerContext): Handlers<keyof typeof accessRoutes> {
  return {
    getMe: ({ session }) => {
      const { id, name, scopes, types, tags } = session.caller
      return { id, name, scopes, types, tags }
    },

    async createKey({ body, session, reply }) {
      const { key, text } = await access.create(keyDraft(body), session.caller)
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

    async rotateKey({ params, body, reply }) {
      const { key, text } = await access.rotate(params.key_id, parseDuration(body.overlap ?? 0) ?? 0)
      reply.header('cache-control', 'no-store')
      return { ...keyBody(key), key: text }
    },

    async revokeKey({ params, reply }) {
      await access.revoke(params.key_id)
      void reply.code(204).send()
      return undefined
    },
  }
}
