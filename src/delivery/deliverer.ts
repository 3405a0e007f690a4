import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { Loop } from '../core/loop.ts'
import type { Tracing } from '../core/tracing.ts'
import type { Move } from '../core/transition.ts'
import {
  bodyOf,
  callbacksId,
  delayAfter,
  messageIdOf,
  validSecrets,
  type Delivery,
  type Outcome,
  type Webhook,
} from '../core/webhook.ts'
import type { Subscriber } from '../journal/journal.ts'
import type { Store } from '../store/store.ts'
import type { Attempted, Lane, Lease } from '../store/webhook-store.ts'
import type { Answer, Sender } from './sender.ts'
import { signatureOf } from './signature.ts'

export type DelivererOptions = Readonly<{
  store: Store
  sender: Sender
  clock: Clock
  logger: Logger
  random: () => number
  /** Milliseconds for which deliveries are kept after their end. */
  retention: number
  version: string
  tracing?: Tracing | undefined
}>

/** Deliveries that this node has in flight: for one lane, and in all. A slow receiver takes its own share and no more. */
const mostOfLane = 8
const mostInFlight = 256
/** Milliseconds of a lease: more than an attempt takes. If this node dies, the delivery continues elsewhere after it. */
const lease = 30_000
/** Lanes that are looked at in one step. */
const lanesAtOnce = 500
const longestWait = 1_000
/** Milliseconds by which events are gathered. */
const soon = 10
const dropAtOnce = 500
const pruneAtOnce = 500
const pruneEvery = 60_000

/** Attempts of this node, by how they ended. */
export type DeliveryCounts = Readonly<Record<'delivered' | 'failed' | 'dead', number>>

type Due = Delivery & Lease

/**
 * Delivers what the outbox holds. All nodes do; a delivery is leased by one of them. Nothing is lost with a node: what was sent and not
 * recorded is sent again.
 */
export class Deliverer implements Subscriber {
  readonly counts = { delivered: 0, failed: 0, dead: 0 }
  readonly #options: DelivererOptions
  readonly #loop: Loop
  readonly #pruner: Loop
  #version: number | undefined
  #webhooks: ReadonlyMap<string, Webhook> = new Map()
  readonly #inFlight = new Map<string, number>()
  #total = 0
  /** The lane after which the next step looks. */
  #after = ''
  #stopping = false
  readonly #sending = new Set<Promise<void>>()
  #unrecorded: Readonly<{ attempted: Attempted; recorded: (isRecorded: boolean) => void }>[] = []
  #recording = false

  constructor(options: DelivererOptions) {
    this.#options = options
    this.#loop = new Loop('deliver events', options.clock, options.logger, () => this.#work())
    this.#pruner = new Loop('prune deliveries', options.clock, options.logger, () => this.#prune())
  }

  start(): void {
    this.#loop.kick()
    this.#pruner.kick()
  }

  moved({ task }: Move): void {
    if (this.#webhooks.size > 0 || task.callbackUrl !== null) this.#loop.within(soon)
  }

  /** Something may be due. */
  kick(): void {
    this.#loop.within(soon)
  }

  /** Waits for attempts in flight, which take no longer than their timeout. */
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all([this.#loop.stop(), this.#pruner.stop()])
    await this.#options.sender.close()
    await Promise.all(this.#sending)
  }

  async #work(): Promise<number> {
    const { webhooks } = this.#options.store
    await this.#refresh()
    const lanes = await webhooks.lanes(this.#after, lanesAtOnce)
    this.#after = lanes.length < lanesAtOnce ? '' : lanes.at(-1)!.lane
    const orphans = lanes.filter(({ lane }) => !this.#isCallback(lane) && !this.#webhooks.has(lane))
    for (const { lane } of orphans) await webhooks.drop(lane, dropAtOnce)
    const open = lanes.filter(({ lane }) => this.#isOpen(lane))
    const chosen = this.#chosen(open.filter(({ dueIn }) => dueIn === 0))
    const { deliveries, isMore } =
      chosen.length === 0 ? { deliveries: [], isMore: false } : await webhooks.claim(chosen, lease)
    for (const delivery of deliveries) this.#begin(delivery)
    if (isMore || orphans.length > 0 || this.#after !== '') return soon
    // Lanes without room are looked at when one of their attempts has ended.
    const later = open.filter(({ dueIn }) => dueIn > 0).map(({ dueIn }) => dueIn)
    return Math.min(longestWait, ...later)
  }

  async #refresh(): Promise<void> {
    const read = await this.#options.store.webhooks.read(this.#version)
    if (read === null) return
    this.#version = read.version
    this.#webhooks = new Map(read.webhooks.map((webhook) => [webhook.id, webhook]))
  }

  #isCallback(lane: string): boolean {
    return lane.startsWith(`${callbacksId} `)
  }

  #isOpen(lane: string): boolean {
    if (this.#isCallback(lane)) return true
    const webhook = this.#webhooks.get(lane)
    // Without its secrets, this node cannot sign: another one can.
    return webhook?.paused === null && webhook.disabledAt === null && webhook.secrets.length > 0
  }

  #chosen(due: readonly Lane[]): { lane: string; room: number }[] {
    let left = mostInFlight - this.#total
    return due.flatMap(({ lane }) => {
      const room = Math.min(mostOfLane - (this.#inFlight.get(lane) ?? 0), left)
      if (room <= 0) return []
      left -= room
      return [{ lane, room }]
    })
  }

  #begin(delivery: Due): void {
    const { lane } = delivery
    this.#total += 1
    this.#inFlight.set(lane, (this.#inFlight.get(lane) ?? 0) + 1)
    const sending = this.#deliver(delivery).finally(() => {
      this.#sending.delete(sending)
      this.#total -= 1
      const left = this.#inFlight.get(lane)! - 1
      if (left === 0) this.#inFlight.delete(lane)
      else this.#inFlight.set(lane, left)
      this.kick()
    })
    this.#sending.add(sending)
  }

  async #deliver(delivery: Due): Promise<void> {
    const { clock, logger, store } = this.#options
    const { number, fence, webhookId } = delivery
    const webhook = this.#webhooks.get(webhookId)
    const url = delivery.url ?? webhook?.url
    // It was deleted since: its deliveries are too.
    if (url === undefined) return
    const span = this.#options.tracing?.deliver(delivery)
    const begun = clock.monotonic()
    const answer = await this.#send(delivery, url, webhook, span?.headers ?? {})
    const ms = Math.max(0, Math.round(clock.monotonic() - begun))
    // The end of this node has cut it off: another one repeats it at once.
    if (this.#stopping && answer.status === null) {
      span?.ended(null, 'the node is shutting down')
      await store.webhooks.release([{ number, fence }]).catch(() => undefined)
      return
    }
    const { status, error } = answer
    const outcome = this.#outcomeOf(delivery, answer)
    span?.ended(status, error)
    const isRecorded = await this.#record({ number, fence, outcome, attempt: { status, error, ms } })
    if (isRecorded) this.counts[outcome.kind] += 1
    if (outcome.kind === 'dead') {
      logger.warn(
        { webhook: webhookId, delivery: number, task: delivery.taskId, why: error },
        'a delivery is dead',
      )
    }
    if (status === 410 && webhook !== undefined && delivery.url === null) await this.#disable(webhook)
  }

  #send(
    delivery: Due,
    url: string,
    webhook: Webhook | undefined,
    traced: Readonly<Record<string, string>>,
  ): Promise<Answer> {
    const { sender, store, version } = this.#options
    const body = bodyOf(delivery)
    const id = messageIdOf(delivery)
    const now = store.now()
    const timestamp = Math.floor(now / 1_000)
    const secrets = webhook === undefined ? [] : validSecrets(webhook, now)
    return sender.send({
      url,
      body,
      headers: {
        'content-type': 'application/json',
        'user-agent': `Fermata/${version}`,
        'webhook-id': id,
        'webhook-timestamp': String(timestamp),
        ...(secrets.length === 0
          ? {}
          : { 'webhook-signature': signatureOf({ id, timestamp, body }, secrets) }),
        ...traced,
      },
    })
  }

  #outcomeOf({ failures }: Due, { status, error, retryAfter }: Answer): Outcome {
    if (error === null) return { kind: 'delivered' }
    if (status === 410) return { kind: 'dead' }
    const after = delayAfter(failures + 1, this.#options.random(), retryAfter)
    return after === null ? { kind: 'dead' } : { kind: 'failed', after }
  }

  /** Attempts that end together are recorded together. If that fails, they are repeated when their leases end. */
  #record(attempted: Attempted): Promise<boolean> {
    return new Promise((recorded) => {
      this.#unrecorded.push({ attempted, recorded })
      if (!this.#recording) void this.#recordAll()
    })
  }

  async #recordAll(): Promise<void> {
    this.#recording = true
    while (this.#unrecorded.length > 0) {
      const batch = this.#unrecorded
      this.#unrecorded = []
      try {
        const answers = await this.#options.store.webhooks.record(batch.map(({ attempted }) => attempted))
        for (const [index, { recorded }] of batch.entries()) recorded(answers[index] === true)
      } catch (error) {
        this.#options.logger.warn({ err: error }, 'could not record deliveries: they are repeated')
        for (const { recorded } of batch) recorded(false)
      }
    }
    this.#recording = false
  }

  async #disable({ id, url }: Webhook): Promise<void> {
    const { store, logger } = this.#options
    try {
      // By now it may have another URL.
      await store.webhooks.change(id, (webhook, now) =>
        webhook.url === url && webhook.disabledAt === null ? { ...webhook, disabledAt: now } : webhook,
      )
      logger.warn({ webhook: id }, 'a webhook is disabled: its receiver answered 410 Gone')
    } catch (error) {
      logger.warn({ err: error, webhook: id }, 'could not disable a webhook that is gone')
    }
  }

  async #prune(): Promise<number> {
    const { store, retention } = this.#options
    const pruned = await store.webhooks.prune(retention, pruneAtOnce)
    return pruned === pruneAtOnce ? soon : Math.min(pruneEvery, Math.max(100, retention / 10))
  }
}
