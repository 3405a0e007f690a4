import { randomBytes } from 'node:crypto'
import { webhookEntry } from '../core/audit.ts'
import { withReason, type Origin } from '../core/caller.ts'
import { DeliveryUnknown, OptionsInvalid, WebhookUnknown, type Issue } from '../core/errors.ts'
import type { Callback } from '../core/task.ts'
import {
  anyEvent,
  callbacksId,
  callbacksWebhook,
  secretRotated,
  webhookBounds,
  webhookEvents,
  type Delivery,
  type DeliveryStatus,
  type Webhook,
  type WebhookEvent,
} from '../core/webhook.ts'
import type { AllowedAddresses } from '../delivery/addresses.ts'
import { faultOf } from '../delivery/sender.ts'
import { newSecret } from '../delivery/signature.ts'
import type { Store } from '../store/store.ts'
import type { WebhookUse } from '../store/webhook-store.ts'
import { mustSeeAll } from './limited.ts'

/** Why, for the audit log. */
type Because = Readonly<{ reason?: string }>

export type WebhookDraft = Readonly<{
  url: string
  /** `task.completed` and so on, or `task.*`. */
  events: readonly WebhookEvent[]
  /** Only tasks of these types. Default: all. */
  types?: readonly string[] | null
  /** Only tasks with one of these tags. Default: all. */
  tags?: readonly string[] | null
  /** Default: as it is; false for a new one. */
  paused?: boolean
}>

/** `secret`: shown here only. */
export type IssuedWebhook = Readonly<{ use: WebhookUse; secret: string }>

export type DeliveryOptions = Readonly<{ status?: DeliveryStatus; before?: number; limit?: number }>

/** Dead deliveries that were created within these times (Unix milliseconds); or one, by its number. */
export type Redelivery =
  | Readonly<{ number: number }>
  | Readonly<{ after?: number | undefined; before?: number | undefined }>

/**
 * Webhooks, for one caller. Throws `WebhookUnknown`. The id `callbacks` is that of the callbacks of tasks: it is built in, and they
 * are signed once it has a secret.
 */
export interface WebhooksApi {
  /** By creation. */
  list(): Promise<readonly WebhookUse[]>
  get(id: string): Promise<WebhookUse>
  create(draft: WebhookDraft, options?: Because): Promise<IssuedWebhook>
  replace(id: string, draft: WebhookDraft, options?: Because): Promise<WebhookUse>
  /** With its deliveries. */
  remove(id: string, options?: Because): Promise<void>
  /** The secret before signs as well for `overlap` milliseconds. */
  rotate(id: string, overlap: number, options?: Because): Promise<IssuedWebhook>
  /** Sends an event that is about no task. */
  test(id: string): Promise<Delivery>
  /** Sends messages again; how many. Throws `DeliveryUnknown` for one that does not exist, or is still pending. */
  redeliver(id: string, which: Redelivery): Promise<number>
  /** The newest first. */
  deliveries(id: string, options?: DeliveryOptions): Promise<readonly Delivery[]>
}

export type WebhooksOptions = Readonly<{
  store: Store
  allowed: AllowedAddresses
  deliverer: Readonly<{ kick(): void; prune(): void }>
}>

const redeliverAtOnce = 1_000

export class Webhooks {
  readonly #options: WebhooksOptions

  constructor(options: WebhooksOptions) {
    this.#options = options
  }

  for(origin: Origin): WebhooksApi {
    const { store, deliverer } = this.#options
    const { webhooks } = store
    const mustSee = () => mustSeeAll(origin.caller, 'webhooks concern')
    const entry = (action: Parameters<typeof webhookEntry>[1], id: string, { reason }: Because = {}) =>
      webhookEntry(withReason(origin, reason), action, id)
    const get = async (id: string): Promise<WebhookUse> => {
      const found = (await webhooks.list()).find(({ webhook }) => webhook.id === id)
      if (found !== undefined) return found
      if (id !== callbacksId) throw new WebhookUnknown(id)
      return { webhook: callbacksWebhook(0), pending: 0, dead: 0 }
    }
    return {
      list: async () => {
        mustSee()
        return webhooks.list()
      },
      get: async (id) => {
        mustSee()
        return get(id)
      },
      create: async (draft, options) => {
        mustSee()
        const checked = this.#checked(draft)
        const id = `wh_${randomBytes(9).toString('hex')}`
        const secret = newSecret()
        const webhook = await webhooks.add(
          {
            id,
            ...checked,
            paused: draft.paused === true ? pausedBy(origin, store.now(), options) : null,
            secrets: [{ secret, until: null }],
          },
          entry('webhook.create', id, options),
        )
        if (webhook === null) {
          const message = `would be one of more than ${webhookBounds.webhooks} webhooks: delete one first`
          throw new OptionsInvalid([{ path: 'url', message }])
        }
        return { use: { webhook, pending: 0, dead: 0 }, secret }
      },
      replace: async (id, draft, options) => {
        mustSee()
        mustBeOwn(id)
        const checked = this.#checked(draft)
        const changed = await webhooks.change(
          id,
          (webhook, now) => ({
            ...webhook,
            ...checked,
            paused: pausedFrom(webhook, draft, () => pausedBy(origin, now, options)),
          }),
          entry('webhook.update', id, options),
        )
        if (changed === null) throw new WebhookUnknown(id)
        deliverer.kick()
        return get(id)
      },
      remove: async (id, options) => {
        mustSee()
        mustBeOwn(id)
        if (!(await webhooks.remove(id, entry('webhook.delete', id, options)))) throw new WebhookUnknown(id)
        deliverer.prune()
      },
      rotate: async (id, overlap, options) => {
        mustSee()
        const secret = newSecret()
        const changed = await webhooks.change(
          id,
          (webhook, now) => secretRotated(webhook, secret, overlap, now),
          entry('webhook.rotate', id, options),
        )
        if (changed === null) throw new WebhookUnknown(id)
        return { use: await get(id), secret }
      },
      test: async (id) => {
        mustSee()
        mustBeOwn(id)
        const data = JSON.stringify({ webhook_id: id })
        const delivery = await webhooks.test(id, data, entry('webhook.test', id))
        if (delivery === null) throw new WebhookUnknown(id)
        deliverer.kick()
        return delivery
      },
      redeliver: async (id, which) => {
        mustSee()
        await get(id)
        const audit = entry('webhook.redeliver', id)
        if ('number' in which) {
          const count = await webhooks.redeliver(id, which, audit)
          if (count === 0) throw new DeliveryUnknown(which.number)
          deliverer.kick()
          return count
        }
        const { after = 0, before = Number.MAX_SAFE_INTEGER } = which
        let all = 0
        for (;;) {
          const range = { after, before, limit: redeliverAtOnce }
          const count = await webhooks.redeliver(id, range, all === 0 ? audit : undefined)
          deliverer.kick()
          all += count
          if (count < redeliverAtOnce) return all
        }
      },
      deliveries: async (id, { status, before = null, limit = 100 } = {}) => {
        mustSee()
        await get(id)
        return webhooks.deliveries({ webhookId: id, status, before, limit })
      },
    }
  }

  /** The callbacks of submits, whose form was checked. Throws `OptionsInvalid` for those that cannot be reached. */
  mustReach(given: readonly (string | undefined)[]): void {
    const issues = given.flatMap((url, index): Issue[] => {
      const fault = url === undefined ? undefined : faultOf(url, this.#options.allowed)
      if (fault === undefined) return []
      const path = given.length === 1 ? 'callbackUrl' : `tasks.${index}.callbackUrl`
      return [{ path, message: fault }]
    })
    if (issues.length > 0) throw new OptionsInvalid(issues.slice(0, 100))
  }

  #checked({
    url,
    events,
    types = null,
    tags = null,
  }: WebhookDraft): Pick<Webhook, 'url' | 'events' | 'types' | 'tags'> {
    const issues: Issue[] = []
    const refuse = (path: string, message: string) => issues.push({ path, message })
    if (typeof url !== 'string' || url.length > webhookBounds.url)
      refuse('url', `must be a URL of at most ${webhookBounds.url} characters`)
    else {
      const fault = faultOf(url, this.#options.allowed)
      if (fault !== undefined) refuse('url', fault)
    }
    const known: readonly string[] = [...webhookEvents, anyEvent]
    if (!Array.isArray(events) || events.length === 0 || !events.every((one) => known.includes(one)))
      refuse('events', `must be some of ${known.join(', ')}`)
    if (types !== null && (types.length === 0 || types.length > webhookBounds.types))
      refuse('types', `must be 1 to ${webhookBounds.types} types`)
    if (tags !== null && (tags.length === 0 || tags.length > webhookBounds.tags))
      refuse('tags', `must be 1 to ${webhookBounds.tags} tags`)
    if (issues.length > 0) throw new OptionsInvalid(issues)
    return { url, events: [...new Set(events)], types, tags }
  }
}

/** The callback of a submit; undefined if it is no URL of the web. */
export function callbackOf(text: string): Callback | undefined {
  const url = URL.parse(text)
  if (url === null || text.length > webhookBounds.url) return undefined
  return url.protocol === 'https:' || url.protocol === 'http:' ? { url: text, origin: url.origin } : undefined
}

function pausedBy({ caller }: Origin, since: number, { reason }: Because = {}): Webhook['paused'] {
  return { since, by: caller.name, why: reason ?? null, isGone: false }
}

function pausedFrom(
  { paused }: Webhook,
  draft: WebhookDraft,
  pause: () => Webhook['paused'],
): Webhook['paused'] {
  if (draft.paused === undefined) return paused
  if (!draft.paused) return null
  return paused ?? pause()
}

function mustBeOwn(id: string): void {
  if (id !== callbacksId) return
  const message = 'is built in: it has no URL of its own, and is neither changed nor deleted'
  throw new OptionsInvalid([{ path: 'webhook_id', message }])
}
