import type { NewEntry } from '../../core/audit.ts'
import {
  callbacksId,
  type Delivery,
  type NewDelivery,
  type NewWebhook,
  type Webhook,
} from '../../core/webhook.ts'
import type { ErrorRecord } from '../../core/task.ts'
import type {
  ClaimedDelivery,
  DeliveriesClaimed,
  DeliveryQuery,
  DeliveryRequest,
  DeliveryResult,
  Distributed,
  Redelivered,
  WebhookStore,
  WebhookUse,
} from '../webhook-store.ts'
import { isSealed, Unopened, type Keyring } from './keyring.ts'
import type { Open } from './task-codec.ts'

/** The webhooks above those of a store: URLs and secrets are encrypted, and so are messages of errors in deliveries. */
export class EncryptedWebhooks implements WebhookStore {
  readonly #store: WebhookStore
  readonly #ring: Keyring
  readonly #open: Open

  constructor(store: WebhookStore, ring: Keyring, open: Open) {
    this.#store = store
    this.#ring = ring
    this.#open = open
  }

  get added(): number {
    return this.#store.added
  }

  async list(): Promise<readonly WebhookUse[]> {
    return (await this.#store.list()).map((use) => ({ ...use, webhook: this.#shown(use.webhook) }))
  }

  async add(webhook: NewWebhook, audit?: NewEntry): Promise<Webhook | null> {
    const added = await this.#store.add(sealWebhook(this.#ring, webhook), audit)
    return added === null ? null : openWebhook(this.#ring, added)
  }

  async change(
    id: string,
    change: (webhook: Webhook, now: number) => Webhook,
    audit?: NewEntry,
  ): Promise<Webhook | null> {
    const sealed = (webhook: Webhook, now: number) =>
      sealWebhook(this.#ring, change(openWebhook(this.#ring, webhook), now))
    const changed = await this.#store.change(id, sealed, audit)
    return changed === null ? null : openWebhook(this.#ring, changed)
  }

  remove(id: string, audit?: NewEntry): Promise<boolean> {
    return this.#store.remove(id, audit)
  }

  test(id: string, data: string, audit?: NewEntry): Promise<Delivery | null> {
    return this.#store.test(id, data, audit)
  }

  distribute(limit: number): Promise<Distributed> {
    return this.#store.distribute(limit)
  }

  async claim(request: DeliveryRequest): Promise<DeliveriesClaimed> {
    const claimed = await this.#store.claim(request)
    return { ...claimed, deliveries: claimed.deliveries.map((one) => this.#opened(one)) }
  }

  settle(results: readonly DeliveryResult[]): Promise<readonly boolean[]> {
    return this.#store.settle(results)
  }

  async deliveries(query: DeliveryQuery): Promise<readonly Delivery[]> {
    const found = await this.#store.deliveries(query)
    return found.map((one) => ({ ...one, url: this.#urlOf(one), data: this.#dataOf(one) }))
  }

  redeliver(id: string, which: Redelivered, audit?: NewEntry): Promise<number> {
    return this.#store.redeliver(id, which, audit)
  }

  depth(): Promise<number> {
    return this.#store.depth()
  }

  prune(retention: number, limit: number): Promise<number> {
    return this.#store.prune(retention, limit)
  }

  /** For people: a URL that cannot be decrypted is replaced by the reason. */
  #shown(webhook: Webhook): Webhook {
    try {
      return openWebhook(this.#ring, webhook)
    } catch (error) {
      if (error instanceof Unopened) return { ...webhook, url: `(${error.message})`, secrets: [] }
      throw error
    }
  }

  #opened(one: ClaimedDelivery): ClaimedDelivery {
    try {
      const { url, taskId, webhook } = one
      return {
        ...one,
        webhook: openWebhook(this.#ring, webhook),
        url: url === null ? null : this.#ring.open(url, taskId ?? '', 'callback'),
        data: this.#dataOf(one),
      }
    } catch (error) {
      if (error instanceof Unopened) return { ...one, unreadable: error.message }
      throw error
    }
  }

  #urlOf({ url, taskId }: Delivery): string | null {
    return url === null ? null : this.#open(url, taskId ?? '', 'callback')
  }

  #dataOf({ data, taskId }: Delivery): string {
    if (taskId === null || !data.includes('enc:1:')) return data
    const { error, ...rest } = JSON.parse(data) as { error?: ErrorRecord }
    if (error === undefined || !isSealed(error.message)) return data
    return JSON.stringify({
      ...rest,
      error: { ...error, message: this.#open(error.message, taskId, 'error') },
    })
  }
}

/** A webhook as it is stored under the first key. */
export function sealWebhook<W extends NewWebhook>(ring: Keyring, webhook: W): W {
  if (!ring.encrypts || (webhook.id === callbacksId && webhook.secrets.length === 0)) return webhook
  const seal = (text: string) => ring.seal(text, ownerOf(webhook), 'webhook')
  const secrets = webhook.secrets.map(({ secret, until }) => ({ secret: seal(secret), until }))
  return { ...webhook, url: webhook.url === '' ? '' : seal(webhook.url), secrets }
}

/** Throws `Unopened`. */
export function openWebhook<W extends NewWebhook>(ring: Keyring, webhook: W): W {
  const open = (text: string) => ring.open(text, ownerOf(webhook), 'webhook')
  const secrets = webhook.secrets.map(({ secret, until }) => ({ secret: open(secret), until }))
  return { ...webhook, url: open(webhook.url), secrets }
}

/** A delivery of plain text as it is stored under the first key. */
export function sealDelivery<D extends NewDelivery>(ring: Keyring, delivery: D): D {
  if (!ring.encrypts || delivery.taskId === null) return delivery
  const { url, taskId, data } = delivery
  return {
    ...delivery,
    url: url === null ? null : ring.seal(url, taskId, 'callback'),
    data: mapMessage(data, (message) => ring.seal(message, taskId, 'error')),
  }
}

/** Throws `Unopened`. */
export function openDelivery<D extends NewDelivery>(ring: Keyring, delivery: D): D {
  const { url, taskId, data } = delivery
  if (taskId === null) return delivery
  return {
    ...delivery,
    url: url === null ? null : ring.open(url, taskId, 'callback'),
    data: mapMessage(data, (message) => ring.open(message, taskId, 'error')),
  }
}

function mapMessage(data: string, map: (message: string) => string): string {
  const { error, ...rest } = JSON.parse(data) as { error?: ErrorRecord }
  return error === undefined
    ? data
    : JSON.stringify({ ...rest, error: { ...error, message: map(error.message) } })
}

/** What the text belongs to: it cannot be read in the place of another one. */
function ownerOf({ id }: Pick<Webhook, 'id'>): string {
  return `webhook ${id}`
}
