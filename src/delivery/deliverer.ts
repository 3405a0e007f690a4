import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { Loop } from '../core/loop.ts'
import { bodyOf, callbacksId, messageId, retryDelay, signingSecrets, type Delivery } from '../core/webhook.ts'
import { headersOf, type TraceContext } from '../core/trace-context.ts'
import type { DeliverySpan, Tracing } from '../core/tracing.ts'
import type { Subscriber } from '../journal/journal.ts'
import type { Store } from '../store/store.ts'
import type { ClaimedDelivery, DeliveryResult } from '../store/webhook-store.ts'
import type { Send, Sent } from './sender.ts'

export type DelivererOptions = Readonly<{
  store: Store
  clock: Clock
  logger: Logger
  random: () => number
  send: Send
  /** The data of a delivery without sensitive values. */
  shown: (delivery: Delivery) => Promise<string>
  /** Milliseconds for which deliveries are kept. */
  retention: number
  tracing: Tracing | undefined
}>

/** Messages that a node sends at once: in all, and to one receiver. A slow one delays itself only. */
const most = 200
const perLane = 10
/** Milliseconds for which a delivery is reserved: longer than an attempt takes. */
const lease = 30_000
const longestWait = 1_000
/** Milliseconds after which deliveries are looked at again that others have locked. */
const lockedWait = 100
const settleAgainAfter = 1_000
/** Milliseconds between looks that only changes ask for: while many commits follow each other, most of them find nothing new. */
const lookEvery = 25
/**
 * Events are distributed in portions, at a pace that a node could hardly send at: so those of a burst take little of the time of everybody
 * else, and wait in the outbox, where they cost next to nothing. While more and more come and none can be sent, nobody waits for them.
 */
const distributeAtOnce = 100
const distributePerSecond = 2_500
const distributePerBusySecond = 500
const pruneAtOnce = 500
const pruneEvery = 60_000
/** Milliseconds that attempts have to end when the node stops. */
const stopsWithin = 2_000

export type DeliveryCounts = Readonly<Record<'delivered' | 'retried' | 'dead', number>>

/** Sends what is in the outbox. Every node does; what one has reserved, another one takes only after its reservation has ended. */
export class Deliverer implements Subscriber {
  /** Attempts of this node by how they ended. */
  readonly counts: { -readonly [Outcome in keyof DeliveryCounts]: number } = {
    delivered: 0,
    retried: 0,
    dead: 0,
  }
  readonly #options: DelivererOptions
  readonly #loop: Loop
  readonly #pruner: Loop
  readonly #busy = new Map<string, number>()
  readonly #sending = new Set<Promise<void>>()
  readonly #stopping = new AbortController()
  #results: DeliveryResult[] = []
  #settling: Promise<void> | undefined
  #seen = 0
  #after = ''
  /** When a change is looked at, and when the pace allows the next portion of events, on the monotonic clock. */
  #looksAt = 0
  #distributesAt = 0
  /** What the store had added when the last portion was distributed. */
  #addedBefore = 0

  constructor(options: DelivererOptions) {
    this.#options = options
    this.#loop = new Loop('deliveries', options.clock, options.logger, () => this.#work())
    this.#pruner = new Loop('prune deliveries', options.clock, options.logger, () => this.#prune())
  }

  start(): void {
    this.#loop.kick()
    this.#pruner.kick()
  }

  /** A change may have told something in its commit. */
  moved(): void {
    const { added } = this.#options.store.webhooks
    if (added === this.#seen) return
    this.#seen = added
    this.#loop.kick()
  }

  /** A webhook is gone, and its deliveries are of no use. */
  prune(): void {
    this.#pruner.kick()
  }

  /** Something may be due. */
  kick(): void {
    this.#looksAt = 0
    this.#loop.kick()
  }

  /** What is not sent yet is given back. */
  async stop(): Promise<void> {
    await Promise.all([this.#loop.stop(), this.#pruner.stop()])
    const ended = Promise.all(this.#sending)
    const cancel = this.#options.clock.after(stopsWithin, () => this.#stopping.abort())
    if (this.#sending.size === 0) this.#stopping.abort()
    await ended
    cancel()
    await this.#settling
  }

  async #work(): Promise<number> {
    const { store, clock } = this.#options
    const now = clock.monotonic()
    if (now < this.#looksAt) return this.#looksAt - now
    const looksAt = now + lookEvery
    this.#looksAt = looksAt
    const room = most - this.#sending.size
    if (room <= 0) return longestWait
    const { deliveries, dueIn, last, hasEvents } = await store.webhooks.claim({
      limit: room,
      perLane,
      busy: this.#busy,
      lease,
      after: this.#after,
    })
    this.#after = last
    for (const one of deliveries) {
      this.#busy.set(one.lane, (this.#busy.get(one.lane) ?? 0) + 1)
      const sending = this.#deliver(one).finally(() => this.#sending.delete(sending))
      this.#sending.add(sending)
    }
    const distributesIn = hasEvents ? await this.#distribute() : longestWait
    const dueAgainIn = deliveries.length === 0 && dueIn === 0 ? lockedWait : (dueIn ?? longestWait)
    const wait = Math.min(longestWait, dueAgainIn, distributesIn)
    // Until then, changes only add to the events that wait already.
    if (hasEvents && deliveries.length === 0 && this.#looksAt === looksAt)
      this.#looksAt = Math.max(looksAt, now + wait)
    return wait
  }

  /** Returns the milliseconds after which there may be more to do. */
  async #distribute(): Promise<number> {
    const { store, clock } = this.#options
    const wait = this.#distributesAt - clock.monotonic()
    if (wait > 0) return wait
    const { deliveries, more } = await store.webhooks.distribute(distributeAtOnce)
    if (deliveries === 0) return more ? lockedWait : longestWait
    const { added } = store.webhooks
    const isBusy = this.#sending.size === 0 && added - this.#addedBefore > deliveries
    this.#addedBefore = added
    const pace = isBusy ? distributePerBusySecond : distributePerSecond
    this.#distributesAt = clock.monotonic() + (deliveries / pace) * 1_000
    // Some are due now.
    this.#looksAt = 0
    return 0
  }

  async #deliver(one: ClaimedDelivery): Promise<void> {
    const { clock, logger, random } = this.#options
    const { number, claim, lane } = one
    const began = clock.monotonic()
    let result: DeliveryResult
    try {
      const sent = await this.#send(one)
      const attempt = {
        status: sent.status,
        error: sent.error,
        took: Math.round(clock.monotonic() - began),
      }
      const outcome = outcomeOf(sent, one, random())
      result = { number, claim, attempt, outcome }
      this.counts[typeof outcome === 'object' ? 'retried' : outcome === 'gone' ? 'dead' : outcome] += 1
      if (outcome === 'dead' || outcome === 'gone')
        logger.warn(
          { webhook: one.webhookId, message: messageId(one), why: sent.error },
          'a delivery is dead',
        )
    } catch (error) {
      if (!this.#stopping.signal.aborted) logger.warn({ err: error }, 'a delivery was not tried')
      result = { number, claim, attempt: null, outcome: 'dead' }
    }
    this.#results.push(result)
    this.#settling ??= this.#settle()
    await this.#settling
    const left = (this.#busy.get(lane) ?? 1) - 1
    if (left === 0) this.#busy.delete(lane)
    else this.#busy.set(lane, left)
    this.kick()
  }

  async #send(one: ClaimedDelivery): Promise<Sent> {
    const { tracing } = this.#options
    if (tracing === undefined) return this.#sendWithin(one, undefined)
    const span = tracing.delivery(
      { ...one, message: messageId(one), attempt: one.attempts + 1 },
      await this.#traceOf(one),
    )
    try {
      const sent = await this.#sendWithin(one, span)
      span.ended(sent)
      return sent
    } catch (error) {
      span.ended({ status: null, error: 'was not tried: the node stops' })
      throw error
    }
  }

  /** Messages do not store it: the task does, as long as it exists. */
  async #traceOf({ taskId }: ClaimedDelivery): Promise<TraceContext | null> {
    if (taskId === null) return null
    const task = await this.#options.store.get(taskId).catch(() => null)
    return task?.trace ?? null
  }

  async #sendWithin(one: ClaimedDelivery, span: DeliverySpan | undefined): Promise<Sent> {
    const { store, send, shown } = this.#options
    const { webhook, unreadable } = one
    if (unreadable !== undefined) return { status: null, error: unreadable, retryAfter: null }
    const body = bodyOf({ ...one, data: await shown(one) })
    const now = store.now()
    return send(
      {
        url: one.url ?? webhook.url,
        id: messageId(one),
        timestamp: Math.floor(now / 1_000),
        body,
        secrets: signingSecrets(webhook, now),
        traceparent: headersOf(span?.context ?? null).traceparent,
      },
      this.#stopping.signal,
    )
  }

  /** All attempts that have ended meanwhile, in one commit. If the store does not answer, others deliver them again. */
  async #settle(): Promise<void> {
    const { store, clock, logger } = this.#options
    while (this.#results.length > 0) {
      const results = this.#results.splice(0)
      const until = clock.monotonic() + lease
      for (;;) {
        try {
          await store.webhooks.settle(results)
          break
        } catch (error) {
          logger.warn({ err: error, deliveries: results.length }, 'could not record deliveries')
          if (clock.monotonic() > until || this.#stopping.signal.aborted) break
          await new Promise<void>((resolve) => void clock.after(settleAgainAfter, resolve))
        }
      }
    }
    // At once: nobody must wait for a commit that has begun without its result.
    this.#settling = undefined
  }

  async #prune(): Promise<number> {
    const { store, retention } = this.#options
    const deleted = await store.webhooks.prune(retention, pruneAtOnce)
    return deleted < pruneAtOnce ? Math.min(pruneEvery, Math.max(100, retention / 10)) : 0
  }
}

function outcomeOf(
  { status, error, retryAfter }: Sent,
  { attempts, webhookId }: ClaimedDelivery,
  random: number,
): DeliveryResult['outcome'] {
  if (error === null) return 'delivered'
  if (status === 410) return webhookId === callbacksId ? 'dead' : 'gone'
  const retryIn = retryDelay(attempts + 1, retryAfter, random)
  return retryIn === null ? 'dead' : { retryIn }
}
