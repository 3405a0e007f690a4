import type { Delivery, DeliveryStatus, Webhook, WebhookEvent } from '../core/webhook.ts'
import type { Duration } from '../registry/context.ts'
import type { DeliveryPage } from '../store/webhook-store.ts'

/** A webhook as it is shown: without its secrets. */
export type WebhookInfo = Omit<Webhook, 'secrets'>

/** With its newest secret, which is shown once. */
export type IssuedWebhook = Readonly<{ webhook: WebhookInfo; secret: string }>

export type WebhookDraft = Readonly<{
  url: string
  events: readonly WebhookEvent[]
  /** Default: all. */
  types?: readonly string[] | null
  /** Tasks with at least one of these. Default: all. */
  tags?: readonly string[] | null
  description?: string | null
  paused?: boolean
}>

/** Webhooks, for one caller. Methods with an id throw `WebhookUnknown`. */
export interface WebhooksApi {
  /** Throws `OptionsInvalid`. */
  create(draft: WebhookDraft): Promise<IssuedWebhook>
  /** Replaces the definition and keeps the secrets; `paused` is kept unless it is given. Enables a webhook that was disabled. */
  replace(id: string, draft: WebhookDraft): Promise<WebhookInfo>
  get(id: string): Promise<WebhookInfo>
  /** In creation order. */
  list(): Promise<readonly WebhookInfo[]>
  /** Its pending deliveries end with it. */
  remove(id: string): Promise<void>
  /** Sends an event that no task has. */
  test(id: string): Promise<Delivery>
  /** A new secret; those before remain valid for `overlap`. The id `callbacks` is that of all callbacks. */
  rotate(id: string, options?: Readonly<{ overlap?: Duration }>): Promise<IssuedWebhook>
  /** Newest first, before `before`. The id `callbacks` lists those to the `callback_url` of tasks. */
  deliveries(
    id: string,
    options?: Readonly<{ status?: DeliveryStatus; before?: number; limit?: number }>,
  ): Promise<DeliveryPage>
  /** One delivery, whatever its status, or all dead ones of events in a range of time. Throws `DeliveryUnknown`. */
  redeliver(id: string, which: Redelivery): Promise<Readonly<{ redelivered: number }>>
}

/** Times: dates or Unix seconds. Without `before`: until now. */
export type Redelivery =
  | Readonly<{ delivery: string }>
  | Readonly<{ after: Date | number; before?: Date | number }>
