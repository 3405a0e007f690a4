import type { webhookRoutes } from '../contract/webhook-routes.ts'
import { deliveryBody, overlapOf, webhookBody } from '../contract/webhooks.ts'
import { messageId, type Delivery } from '../core/webhook.ts'
import type { HandlerContext, Handlers } from './call.ts'

/** Handlers for webhooks. */
export function webhookHandlers({
  base,
}: Pick<HandlerContext, 'base'>): Handlers<keyof typeof webhookRoutes> {
  const shown = (delivery: Delivery) => deliveryBody(delivery, messageId(delivery))
  return {
    async createWebhook({ body: { reason, ...draft }, manager, reply }) {
      const { use, secret } = await manager.webhooks.create(draft, optional({ reason }))
      reply.code(201).header('location', `${base}/api/webhooks/${use.webhook.id}`)
      reply.header('cache-control', 'no-store')
      return { ...webhookBody(use), secret }
    },

    listWebhooks: async ({ manager }) => ({
      webhooks: (await manager.webhooks.list()).map(webhookBody),
      next_cursor: null,
    }),

    getWebhook: async ({ params, manager }) => webhookBody(await manager.webhooks.get(params.webhook_id)),

    replaceWebhook: async ({ params, body: { reason, ...draft }, manager }) =>
      webhookBody(await manager.webhooks.replace(params.webhook_id, draft, optional({ reason }))),

    async deleteWebhook({ params, query, manager, reply }) {
      await manager.webhooks.remove(params.webhook_id, query)
      void reply.code(204).send()
      return undefined
    },

    async rotateWebhook({ params, body, manager, reply }) {
      const { reason } = body
      const { use, secret } = await manager.webhooks.rotate(
        params.webhook_id,
        overlapOf(body),
        optional({ reason }),
      )
      reply.header('cache-control', 'no-store')
      return { ...webhookBody(use), secret }
    },

    testWebhook: async ({ params, manager }) => shown(await manager.webhooks.test(params.webhook_id)),

    async redeliver({ params, body: { delivery_id: id, after, before }, manager }) {
      const which =
        id === undefined
          ? { after: milliseconds(after), before: milliseconds(before) }
          : { number: Number(id) }
      return { redelivered: await manager.webhooks.redeliver(params.webhook_id, which) }
    },

    async listDeliveries({ params, query: { status, limit, cursor }, manager }) {
      // One more than requested shows whether there are others.
      const found = await manager.webhooks.deliveries(params.webhook_id, {
        limit: limit + 1,
        ...(status === undefined ? {} : { status }),
        ...(cursor === undefined ? {} : { before: Number(cursor) }),
      })
      const page = found.slice(0, limit)
      const last = page.at(-1)
      return {
        deliveries: page.map(shown),
        next_cursor: found.length > limit && last !== undefined ? String(last.number) : null,
      }
    },
  }
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.ceil(seconds * 1_000)
}

function optional({ reason }: { reason: string | undefined }): { reason?: string } {
  return reason === undefined ? {} : { reason }
}
