import type { NewEntry } from '../../core/audit.ts'
import type { Delivery, NewDelivery, NewWebhook, Webhook, Webhooks } from '../../core/webhook.ts'
import type {
  Attempted,
  DeliveryPage,
  DeliveryQuery,
  Lane,
  Lease,
  Leased,
  Range,
  WebhookChange,
  WebhookStore,
} from '../webhook-store.ts'
import { Unopened, type Keyring } from './keyring.ts'
import { openEntry, type Open } from './task-codec.ts'

/**
 * The webhooks above those of a store: their secrets are encrypted, and errors in deliveries are decrypted like those of their tasks. A
 * webhook whose secrets cannot be decrypted here has none, and nodes that have the key deliver to it.
 */
export class EncryptedWebhooks implements WebhookStore {
  readonly #store: WebhookStore
  readonly #ring: Keyring
  readonly #open: Open

  constructor(store: WebhookStore, ring: Keyring, open: Open) {
    this.#store = store
    this.#ring = ring
    this.#open = open
  }

  async read(known?: number): Promise<Webhooks | null> {
    const read = await this.#store.read(known)
    return read === null ? null : { ...read, webhooks: read.webhooks.map((webhook) => this.#opened(webhook)) }
  }

  async add(webhook: NewWebhook, audit?: NewEntry): Promise<Webhook | null> {
    return this.#shown(await this.#store.add(sealWebhook(this.#ring, webhook), audit))
  }

  /** Secrets that are kept stay as they are stored, also if they cannot be decrypted here. */
  async change(id: string, make: WebhookChange, audit?: NewEntry): Promise<Webhook | null> {
    const sealedMake: WebhookChange = (stored, now) => {
      const made = make(this.#opened(stored), now)
      const isUnreadable = this.#opened(stored).secrets.length === 0
      return isUnreadable && made.secrets.length === 0
        ? { ...made, secrets: stored.secrets }
        : sealWebhook(this.#ring, made)
    }
    return this.#shown(await this.#store.change(id, sealedMake, audit))
  }

  remove(id: string, audit?: NewEntry): Promise<boolean> {
    return this.#store.remove(id, audit)
  }

  send(delivery: NewDelivery, audit?: NewEntry): Promise<Delivery> {
    return this.#store.send(delivery, audit)
  }

  lanes(after: string, limit: number): Promise<readonly Lane[]> {
    return this.#store.lanes(after, limit)
  }

  async claim(lanes: readonly Readonly<{ lane: string; room: number }>[], lease: number): Promise<Leased> {
    const leased = await this.#store.claim(lanes, lease)
    return { ...leased, deliveries: leased.deliveries.map((one) => this.#openDelivery(one)) }
  }

  record(attempts: readonly Attempted[]): Promise<readonly boolean[]> {
    return this.#store.record(attempts)
  }

  release(leases: readonly Lease[]): Promise<void> {
    return this.#store.release(leases)
  }

  async deliveries(query: DeliveryQuery): Promise<DeliveryPage> {
    const page = await this.#store.deliveries(query)
    return { ...page, deliveries: page.deliveries.map((one) => this.#openDelivery(one)) }
  }

  redeliver(webhookId: string, number: number, audit?: NewEntry): Promise<Delivery | null> {
    return this.#store.redeliver(webhookId, number, audit)
  }

  redeliverAll(webhookId: string, range: Range, limit: number, audit?: NewEntry): Promise<number> {
    return this.#store.redeliverAll(webhookId, range, limit, audit)
  }

  pending(limit: number): Promise<number> {
    return this.#store.pending(limit)
  }

  drop(lane: string, limit: number): Promise<number> {
    return this.#store.drop(lane, limit)
  }

  prune(retention: number, limit: number): Promise<number> {
    return this.#store.prune(retention, limit)
  }

  #shown(webhook: Webhook | null): Webhook | null {
    return webhook === null ? null : this.#opened(webhook)
  }

  #opened(webhook: Webhook): Webhook {
    try {
      return openWebhook(this.#ring, webhook)
    } catch (error) {
      if (error instanceof Unopened) return { ...webhook, secrets: [] }
      throw error
    }
  }

  #openDelivery<D extends Delivery>(delivery: D): D {
    const { taskId, facts } = delivery
    if (taskId === null || facts?.error === undefined) return delivery
    const { error } = openEntry(this.#open, taskId, { ...noEntry, error: facts.error })
    return { ...delivery, facts: { ...facts, error } }
  }
}

const noEntry = { version: 0, at: 0, event: '', status: 'failed', attempt: 0, by: '' } as const

/** A webhook as it is stored under the first key. */
export function sealWebhook<W extends NewWebhook>(ring: Keyring, webhook: W): W {
  if (!ring.encrypts) return webhook
  const secrets = webhook.secrets.map((one) => ({
    ...one,
    secret: ring.seal(one.secret, ownerOf(webhook), 'secret'),
  }))
  return { ...webhook, secrets }
}

/** Throws `Unopened`. */
export function openWebhook<W extends NewWebhook>(ring: Keyring, webhook: W): W {
  const secrets = webhook.secrets.map((one) => ({
    ...one,
    secret: ring.open(one.secret, ownerOf(webhook), 'secret'),
  }))
  return { ...webhook, secrets }
}

/** What the text belongs to: it cannot be read in the place of another one. */
function ownerOf({ id }: NewWebhook): string {
  return `webhook ${id}`
}
