import { webhookEntry } from '../core/audit.ts'
import { urlFault, type Ranges } from '../core/addresses.ts'
import type { Origin } from '../core/caller.ts'
import { parseDuration } from '../core/duration.ts'
import { DeliveryUnknown, OptionsInvalid, WebhookUnknown, type Issue } from '../core/errors.ts'
import {
  callbacksId,
  mostWebhooks,
  webhookEvents,
  webhookRotated,
  type NewWebhook,
  type Webhook,
} from '../core/webhook.ts'
import { newSecret } from '../delivery/signature.ts'
import type { Store } from '../store/store.ts'
import type { WebhookDraft, WebhookInfo, WebhooksApi } from './webhooks-api.ts'

export type WebhooksOptions = Readonly<{
  store: Store
  newId: () => string
  /** Called when something may be due at once. */
  deliverer: Readonly<{ kick(): void }> | undefined
  /** Addresses beyond public ones. */
  allowed: Ranges
}>

export const webhookLimits = { types: 1_000, tags: 50, name: 200, description: 500 } as const

/** Milliseconds. */
const longestOverlap = 30 * 86_400_000
/** Deliveries per transaction of a redelivery. */
const calledAtOnce = 500

/** Creates and changes webhooks. What they report is decided by the store, in the commit of each change. */
export class Webhooks {
  readonly #options: WebhooksOptions

  constructor(options: WebhooksOptions) {
    this.#options = options
  }

  /** The same for one caller. */
  for(origin: Origin): WebhooksApi {
    const { store, newId, deliverer } = this.#options
    const entry = (action: Parameters<typeof webhookEntry>[1], id: string) => webhookEntry(origin, action, id)
    const known = async (id: string) => {
      const webhook = (await this.#all()).find((one) => one.id === id)
      if (webhook === undefined || id === callbacksId) throw new WebhookUnknown(id)
      return webhook
    }
    /** Callbacks have deliveries without being a webhook. */
    const mustHaveDeliveries = async (id: string) => {
      if (id !== callbacksId) await known(id)
    }

    return {
      create: async (draft) => {
        const definition = this.#definitionOf(draft)
        const secret = newSecret()
        const id = newId()
        const webhook = await store.webhooks.add(
          {
            id,
            ...definition,
            secrets: [{ secret, until: null }],
            paused: draft.paused === true ? { at: store.now(), by: origin.caller.name } : null,
            disabledAt: null,
            createdBy: origin.caller.name,
          },
          entry('webhook.create', id),
        )
        if (webhook === null) throw tooMany()
        return { webhook: shown(webhook), secret }
      },

      replace: async (id, draft) => {
        const definition = this.#definitionOf(draft)
        await known(id)
        const { paused } = draft
        const change = (webhook: Webhook, now: number): Webhook => ({
          ...webhook,
          ...definition,
          disabledAt: null,
          paused:
            paused === undefined
              ? webhook.paused
              : paused
                ? (webhook.paused ?? { at: now, by: origin.caller.name })
                : null,
        })
        const webhook = await store.webhooks.change(id, change, entry('webhook.update', id))
        if (webhook === null) throw new WebhookUnknown(id)
        deliverer?.kick()
        return shown(webhook)
      },

      get: async (id) => shown(await known(id)),

      list: async () => (await this.#all()).filter(({ id }) => id !== callbacksId).map(shown),

      remove: async (id) => {
        await known(id)
        if (!(await store.webhooks.remove(id, entry('webhook.delete', id)))) throw new WebhookUnknown(id)
      },

      test: async (id) => {
        await known(id)
        const about = { taskId: null, version: 0, at: store.now(), facts: null, trace: null }
        const sent = await store.webhooks.send(
          { ...about, webhookId: id, lane: id, url: null, event: 'webhook.test' },
          entry('webhook.test', id),
        )
        deliverer?.kick()
        return sent
      },

      rotate: async (id, { overlap = 0 } = {}) => {
        const ms = parseDuration(overlap)
        if (ms === undefined || ms > longestOverlap) {
          throw new OptionsInvalid([{ path: 'overlap', message: 'must be a duration of at most 30 days' }])
        }
        if (id !== callbacksId) await known(id)
        const secret = newSecret()
        const rotate = (webhook: Webhook, now: number) => webhookRotated(webhook, secret, ms, now)
        const audit = entry('webhook.rotate', id)
        const change = () => store.webhooks.change(id, rotate, audit)
        const add = () => (id === callbacksId ? store.webhooks.add(callbacks(secret, origin), audit) : null)
        // Two first rotations may meet.
        const webhook = (await change()) ?? (await add()) ?? (await change())
        if (webhook === null) throw new WebhookUnknown(id)
        return { webhook: shown(webhook), secret }
      },

      deliveries: async (id, { status, before = Number.MAX_SAFE_INTEGER, limit = 50 } = {}) => {
        await mustHaveDeliveries(id)
        return store.webhooks.deliveries({
          webhookId: id,
          before,
          limit,
          ...(status === undefined ? {} : { status }),
        })
      },

      redeliver: async (id, which) => {
        await mustHaveDeliveries(id)
        const audit = entry('webhook.redeliver', id)
        if ('delivery' in which) {
          const number = /^\d{1,15}$/.test(which.delivery) ? Number(which.delivery) : 0
          const delivery = await store.webhooks.redeliver(id, number, audit)
          if (delivery === null) throw new DeliveryUnknown(which.delivery)
          deliverer?.kick()
          return { redelivered: 1 }
        }
        const range = {
          after: timeOf('after', which.after),
          before: timeOf('before', which.before ?? new Date(store.now() + 1)),
        }
        if (range.before < range.after) {
          throw new OptionsInvalid([{ path: 'before', message: 'must not be before after' }])
        }
        let redelivered = 0
        for (let count = calledAtOnce; count === calledAtOnce; redelivered += count) {
          count = await store.webhooks.redeliverAll(
            id,
            range,
            calledAtOnce,
            redelivered === 0 ? audit : undefined,
          )
        }
        deliverer?.kick()
        return { redelivered }
      },
    }
  }

  async #all(): Promise<readonly Webhook[]> {
    return (await this.#options.store.webhooks.read())?.webhooks ?? []
  }

  #definitionOf(draft: WebhookDraft): Pick<Webhook, 'url' | 'events' | 'types' | 'tags' | 'description'> {
    const { url, events, types = null, tags = null, description = null } = draft
    const issues: Issue[] = []
    const fault = urlFault(url, this.#options.allowed)
    if (fault !== undefined) issues.push({ path: 'url', message: fault })
    const unknown = events.find((event) => !webhookEvents.includes(event))
    if (events.length === 0) issues.push({ path: 'events', message: 'must name at least one event' })
    if (unknown !== undefined) {
      const message = `must be among ${webhookEvents.join(', ')}; ${JSON.stringify(unknown)} is not`
      issues.push({ path: 'events', message })
    }
    for (const [path, names, most] of [
      ['types', types, webhookLimits.types],
      ['tags', tags, webhookLimits.tags],
    ] as const) {
      const isFine =
        names === null ||
        (names.length >= 1 &&
          names.length <= most &&
          names.every((name) => name.length >= 1 && name.length <= webhookLimits.name))
      if (!isFine)
        issues.push({ path, message: `must be 1 to ${most} names of 1 to ${webhookLimits.name} characters` })
    }
    if (description !== null && description.length > webhookLimits.description) {
      issues.push({
        path: 'description',
        message: `must have at most ${webhookLimits.description} characters`,
      })
    }
    if (issues.length > 0) throw new OptionsInvalid(issues)
    return { url, events: [...new Set(events)], types, tags, description }
  }
}

function shown(webhook: Webhook): WebhookInfo {
  const { secrets: _, ...info } = webhook
  return info
}

/** What signs callbacks. It wants no events of its own. */
function callbacks(secret: string, { caller }: Origin): NewWebhook {
  return {
    id: callbacksId,
    url: '',
    events: [],
    types: null,
    tags: null,
    description: null,
    secrets: [{ secret, until: null }],
    paused: null,
    disabledAt: null,
    createdBy: caller.name,
  }
}

function tooMany(): OptionsInvalid {
  const message = `there are ${mostWebhooks} webhooks already: delete one first`
  return new OptionsInvalid([{ path: '', message }])
}

function timeOf(path: string, value: Date | number): number {
  const at = Math.round(value instanceof Date ? value.getTime() : value * 1_000)
  if (Number.isSafeInteger(at) && at >= 0) return at
  throw new OptionsInvalid([{ path, message: 'must be a date, or a time in Unix seconds' }])
}
