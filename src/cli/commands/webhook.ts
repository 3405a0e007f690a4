import type {
  DeliveryDetails,
  DeliveryStatus,
  IssuedWebhook,
  WebhookDetails,
  WebhookDraft,
} from '../../client/index.ts'
import { UsageError } from '../exit.ts'
import { age, moment } from '../format.ts'
import type { Action } from '../perform.ts'
import type { Session } from '../session.ts'
import { finishWithoutOutput } from '../terminal/outputs.ts'
import { Table, type Column } from '../terminal/table.ts'
import { safe } from '../terminal/text.ts'

type Options = Readonly<{
  event?: string[]
  type?: string[]
  tag?: string[]
  description?: string
  paused?: boolean
  overlap?: number
  status?: DeliveryStatus
  after?: number
  before?: number
  limit?: number
}>

export const webhookActions = [
  'add',
  'list',
  'show',
  'pause',
  'resume',
  'test',
  'rotate',
  'deliveries',
  'redeliver',
  'delete',
] as const
type WebhookAction = (typeof webhookActions)[number]

export const webhook: Action = async (session, command) => {
  const [name = '', ...words] = command.args
  const action = webhookActions.find((one) => one === name)
  if (action === undefined)
    throw new UsageError(`unknown action ${name}: choose one of ${webhookActions.join(', ')}`)
  finishWithoutOutput()
  await actions[action](session, words, command.opts<Options>())
}

const actions: Readonly<
  Record<WebhookAction, (session: Session, words: readonly string[], options: Options) => Promise<void>>
> = {
  async add(session, [url, ...more], { event, type, tag, description, paused }) {
    if (url === undefined || more.length > 0) throw new UsageError('webhook add needs a URL')
    const draft = {
      url,
      events: event ?? ['task.completed', 'task.failed', 'task.cancelled'],
      types: type ?? null,
      tags: tag ?? null,
      description: description ?? null,
      paused: paused ?? false,
    }
    // The server names the events it knows.
    await tell(session, await session.client.createWebhook(draft as WebhookDraft))
  },

  async list(session, words) {
    if (words.length > 0) throw new UsageError('webhook list takes no more words')
    const { webhooks } = await session.client.listWebhooks()
    if (session.json) for (const one of webhooks) await session.printJson(one)
    else if (session.quiet) for (const { id } of webhooks) await session.out.print(safe`${id}`)
    else if (webhooks.length === 0)
      await session.remark('No webhooks. Create one with "fermata webhook add".')
    else {
      const table = new Table(session.out, columns, webhooks)
      await session.out.print(table.head)
      for (const one of webhooks) await session.out.print(table.line(one))
    }
  },

  async show(session, words) {
    const one = await session.client.getWebhook(idOf(words, 'show'))
    if (session.json) return session.printJson(one)
    for (const [title, text] of [
      ['Webhook', safe`${one.id} (${stateOf(one)})`],
      ['URL', safe`${one.url}`],
      ['Events', safe`${one.events.join(', ')}`],
      ['Types', safe`${one.types?.join(', ') ?? 'all'}`],
      ['Tags', safe`${one.tags?.join(', ') ?? 'all'}`],
    ] as const) {
      await session.out.print(safe`${title.padEnd(12)} ${text}`)
    }
  },

  async pause(session, words) {
    await done(session, await setPaused(session, idOf(words, 'pause'), true), 'Paused')
  },

  async resume(session, words) {
    await done(session, await setPaused(session, idOf(words, 'resume'), false), 'Resumed')
  },

  async test(session, words) {
    const sent = await session.client.testWebhook(idOf(words, 'test'))
    if (session.json) return session.printJson(sent)
    await session.out.print(session.quiet ? safe`${sent.id}` : safe`Delivery ${sent.id} is due.`)
  },

  async rotate(session, words, { overlap }) {
    const id = idOf(words, 'rotate')
    const options = overlap === undefined ? {} : { overlap }
    await tell(session, await session.client.rotateWebhookSecret(id, options))
  },

  async deliveries(session, words, { status, limit = 50 }) {
    const id = idOf(words, 'deliveries')
    const { deliveries } = await session.client.listDeliveries(id, {
      limit,
      ...(status === undefined ? {} : { status }),
    })
    if (session.json) for (const one of deliveries) await session.printJson(one)
    else if (session.quiet) for (const one of deliveries) await session.out.print(safe`${one.id}`)
    else if (deliveries.length === 0) await session.remark('No deliveries.')
    else {
      const table = new Table(session.out, deliveryColumns(Date.now()), deliveries)
      await session.out.print(table.head)
      for (const one of deliveries) await session.out.print(table.line(one))
    }
  },

  async redeliver(session, [id, ...deliveries], { after, before }) {
    if (id === undefined || (deliveries.length === 0) === (after === undefined)) {
      throw new UsageError('webhook redeliver needs the id of a webhook, and ids of deliveries or --after')
    }
    let redelivered = 0
    for (const which of after === undefined
      ? deliveries.map((one) => ({ delivery_id: one }))
      : [{ after, ...(before === undefined ? {} : { before }) }]) {
      redelivered += (await session.client.redeliver(id, which)).redelivered
    }
    if (session.json) await session.printJson({ redelivered })
    else if (!session.quiet) {
      await session.out.print(`${redelivered === 1 ? '1 delivery is' : `${redelivered} deliveries are`} due.`)
    }
  },

  async delete(session, words) {
    const id = idOf(words, 'delete')
    await session.client.deleteWebhook(id)
    if (session.quiet) await session.out.print(safe`${id}`)
    else if (!session.json) await session.out.print(safe`Deleted ${id}.`)
  },
}

async function setPaused({ client }: Session, id: string, paused: boolean): Promise<WebhookDetails> {
  const { url, events, types, tags, description } = await client.getWebhook(id)
  return client.replaceWebhook(id, { url, events, types, tags, description, paused })
}

/** In a pipe, only the secret, so that it can be stored. */
async function tell(session: Session, issued: IssuedWebhook): Promise<void> {
  if (session.json) return session.printJson(issued)
  await session.out.print(session.quiet ? safe`${issued.id}` : issued.secret)
  await session.remark(`The secret of webhook ${issued.id} is not shown again: store it now.`)
}

async function done(session: Session, one: WebhookDetails, what: string): Promise<void> {
  if (session.json) await session.printJson(one)
  else if (session.quiet) await session.out.print(safe`${one.id}`)
  else await session.out.print(safe`${what} ${one.id}.`)
}

function idOf(words: readonly string[], action: WebhookAction): string {
  const [id, ...more] = words
  if (id === undefined || more.length > 0) throw new UsageError(`webhook ${action} needs the id of a webhook`)
  return id
}

function stateOf({ paused, paused_by: by, disabled_at: at }: WebhookDetails): string {
  if (at !== null) return `disabled since ${moment(at)}: its receiver is gone`
  return paused ? `paused by ${by ?? '?'}` : 'active'
}

const columns: readonly Column<WebhookDetails>[] = [
  { title: 'ID', text: ({ id }) => id, least: 8 },
  { title: 'URL', text: ({ url }) => url, least: 16, yields: 2 },
  { title: 'EVENTS', text: ({ events }) => events.join(', '), yields: 3 },
  {
    title: 'STATE',
    text: ({ paused, disabled_at: at }) => (at !== null ? 'disabled' : paused ? 'paused' : 'active'),
  },
]

function deliveryColumns(now: number): readonly Column<DeliveryDetails>[] {
  return [
    { title: 'ID', text: ({ id }) => id },
    { title: 'TIME', text: ({ created_at: at }) => moment(at) },
    { title: 'EVENT', text: ({ event }) => event },
    { title: 'STATUS', text: ({ status }) => status },
    { title: 'ATTEMPTS', text: ({ attempts }) => String(attempts), side: 'right' },
    { title: 'NEXT', text: ({ next_at: at }) => (at === null ? '' : age(at, now)), side: 'right' },
    { title: 'LAST ERROR', text: ({ last_error: error }) => error ?? '', yields: 3 },
    { title: 'TASK', text: ({ task_id: id }) => id ?? '', yields: 2 },
  ]
}
