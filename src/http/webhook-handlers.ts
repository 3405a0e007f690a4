import type { webhookRoutes } from '../contract/webhook-routes.ts'
import { deliveryBody, webhookBody } from '../contract/webhooks.ts'
import type { HandlerContext, Handlers } from './call.ts'

/** Handlers for webhooks. */
export function webhookHandlers({
  base,
}: Pick<HandlerContext, 'base'>): Handlers<keyof typeof webhookRoutes> {
  return {
    async createWebhook({ body, manager, reply }) {
      const { webhook, secret } = await manager.webhooks.create(body)
      reply.code(201).header('location', `${base}/api/webhooks/${webhook.id}`)
      return { ...webhookBody(webhook), secret }
    },

    listWebhooks: async ({ manager }) => ({
      webhooks: (await manager.webhooks.list()).map(webhookBody),
      next_cursor: null,
    }),

    getWebhook: async ({ params, manager }) => webhookBody(await manager.webhooks.get(params.webhook_id)),

    replaceWebhook: async ({ params, body, manager }) =>
      webhookBody(await manager.webhooks.replace(params.webhook_id, body)),

    async deleteWebhook({ params, manager, reply }) {
      await manager.webhooks.remove(params.webhook_id)
      void reply.code(204).send()
      return undefined
    },

    testWebhook: async ({ params, manager }) => deliveryBody(await manager.webhooks.test(params.webhook_id)),

    async rotateWebhookSecret({ params, body, manager }) {
      const { webhook, secret } = await manager.webhooks.rotate(params.webhook_id, body)
      return { ...webhookBody(webhook), secret }
    },

    async listDeliveries({ params, query: { status, limit, cursor }, manager }) {
      const { deliveries, next } = await manager.webhooks.deliveries(params.webhook_id, {
        limit,
        ...(status === undefined ? {} : { status }),
        ...(cursor === undefined ? {} : { before: Number(cursor) }),
      })
      return { deliveries: deliveries.map(deliveryBody), next_cursor: next === null ? null : String(next) }
    },

    async redeliver({ params, body: { delivery_id: delivery, after = 0, before }, manager }) {
      return manager.webhooks.redeliver(
        params.webhook_id,
        delivery === undefined ? { after, ...(before === undefined ? {} : { before }) } : { delivery },
      )
    },
  }
}
