import type { DeliveryDetails, WebhookDetails, WebhookDraft } from '../../client/index.ts'
import { UsageError } from '../exit.ts'
import { age, count } from '../format.ts'
import type { Action } from '../perform.ts'
import type { Session } from '../session.ts'
import { finishWithoutOutput } from '../terminal/outputs.ts'
import { Table, type Column } from '../terminal/table.ts'
import { safe } from '../terminal/text.ts'

type Options = Readonly<{
  event?: readonly string[]
  type?: readonly string[]
  tag?: readonly string[]
  paused?: boolean
  overlap?: number
  status?: DeliveryDetails['status']
  limit?: number
  after?: number
  before?: number
  reason?: string
}>

export const webhookActions = [
  'list',
  'show',
  'create',
  'pause',
  'resume',
  'rotate',
  'test',
  'deliveries',
  'redeliver',
  'delete',
] as const
type WebhookAction = (typeof webhookActions)[number]

export const webhook: Action = async (session, command) => {
  const [name = 'list', ...words] = command.args
  const action = webhookActions.find((one) => one === name)
  if (action === undefined)
    throw new UsageError(`unknown action ${name}: choose one of ${webhookActions.join(', ')}`)
  finishWithoutOutput()
  await actions[action](session, words, command.opts<Options>())
}

const actions: Readonly<
  Record<WebhookAction, (session: Session, words: readonly string[], options: Options) => Promise<void>>
> = {
  async list(session, words) {
    if (words.length > 0) throw new UsageError('webhook list takes no more words')
    const { webhooks } = await session.client.listWebhooks()
    if (session.json) for (const one of webhooks) await session.printJson(one)
    else if (session.quiet) for (const { id } of webhooks) await session.out.print(safe`${id}`)
    else if (webhooks.length === 0)
      await session.remark(
        'No webhooks. Create one with "fermata webhook create URL --event task.completed".',
      )
    else await printTable(session, webhookColumns, webhooks)
  },

  async show(session, words) {
    await print(session, await session.client.getWebhook(idOf(words, 'show')))
  },

  async create(session, words, options) {
    const [url, ...more] = words
    if (url === undefined || more.length > 0) throw new UsageError('webhook create needs one URL')
    const { event, type, tag, paused, reason } = options
    if (event === undefined)
      throw new UsageError('webhook create needs --event, like --event task.completed or --event "task.*"')
    const issued = await session.client.createWebhook({
      url,
      events: event as WebhookDraft['events'],
      ...(type === undefined ? {} : { types: [...type] }),
      ...(tag === undefined ? {} : { tags: [...tag] }),
      ...(paused === undefined ? {} : { paused }),
      ...(reason === undefined ? {} : { reason }),
    })
    await printSecret(session, issued, 'Created')
  },

  async pause(session, words, { reason }) {
    await setPaused(session, idOf(words, 'pause'), true, reason)
  },

  async resume(session, words, { reason }) {
    await setPaused(session, idOf(words, 'resume'), false, reason)
  },

  async rotate(session, words, { overlap, reason }) {
    const issued = await session.client.rotateWebhook(idOf(words, 'rotate'), {
      ...(overlap === undefined ? {} : { overlap }),
      ...(reason === undefined ? {} : { reason }),
    })
    await printSecret(session, issued, 'Rotated')
  },

  async test(session, words) {
    const delivery = await session.client.testWebhook(idOf(words, 'test'))
    if (session.json) await session.printJson(delivery)
    else if (session.quiet) await session.out.print(safe`${delivery.id}`)
    else await session.out.print(safe`Sending ${delivery.message_id}, delivery ${delivery.id}.`)
  },

  async deliveries(session, words, { status, limit = 100 }) {
    const query = { limit, ...(status === undefined ? {} : { status }) }
    const { deliveries } = await session.client.listDeliveries(idOf(words, 'deliveries'), query)
    if (session.json) for (const one of deliveries) await session.printJson(one)
    else if (session.quiet) for (const { id } of deliveries) await session.out.print(safe`${id}`)
    else if (deliveries.length === 0) await session.remark('No deliveries.')
    else await printTable(session, deliveryColumns(Date.now()), deliveries)
  },

  async redeliver(session, words, { after, before }) {
    const [id, delivery, ...more] = words
    const isRange = after !== undefined || before !== undefined
    if (id === undefined || more.length > 0 || (delivery === undefined) !== isRange)
      throw new UsageError('webhook redeliver needs a webhook, and a delivery or --after or --before')
    const { redelivered } = await session.client.redeliver(
      id,
      delivery === undefined
        ? {
            ...(after === undefined ? {} : { after }),
            ...(before === undefined ? {} : { before }),
          }
        : { delivery_id: delivery },
    )
    if (session.json) await session.printJson({ redelivered })
    else if (!session.quiet)
      await session.out.print(
        `Sending ${count(redelivered)} ${redelivered === 1 ? 'message' : 'messages'} again.`,
      )
  },

  async delete(session, words, { reason }) {
    const id = idOf(words, 'delete')
    await session.client.deleteWebhook(id, reason === undefined ? {} : { reason })
    if (session.quiet) await session.out.print(safe`${id}`)
    else if (!session.json) await session.out.print(safe`Deleted ${id}.`)
  },
}

/** Everything else stays as it is. */
async function setPaused(
  session: Session,
  id: string,
  paused: boolean,
  reason: string | undefined,
): Promise<void> {
  const { url, events, types, tags } = await session.client.getWebhook(id)
  const draft = { url, events, types, tags, paused, ...(reason === undefined ? {} : { reason }) }
  await print(session, await session.client.replaceWebhook(id, draft))
}

async function print(session: Session, one: WebhookDetails): Promise<void> {
  if (session.json) return session.printJson(one).then(() => undefined)
  if (session.quiet) return session.out.print(safe`${one.id}`).then(() => undefined)
  const { out } = session
  await out.print(safe`${one.id}  ${one.url}`)
  await out.print(safe`  ${one.events.join(', ')}${filterOf(one)}`)
  await out.print(safe`  ${stateOf(one)}, ${count(one.pending)} pending, ${count(one.dead)} dead`)
}

/** The secret alone on standard output if quiet, for scripts. */
async function printSecret(
  session: Session,
  { secret, ...one }: WebhookDetails & Readonly<{ secret: string }>,
  done: string,
): Promise<void> {
  if (session.json) await session.printJson({ ...one, secret })
  else if (session.quiet) await session.out.print(safe`${secret}`)
  else {
    await session.out.print(safe`${done} ${one.id}. Its secret, which is not shown again:`)
    await session.out.print(safe`${secret}`)
  }
}

async function printTable<T>(
  session: Session,
  columns: readonly Column<T>[],
  rows: readonly T[],
): Promise<void> {
  const table = new Table(session.out, columns, rows)
  await session.out.print(table.head)
  for (const row of rows) await session.out.print(table.line(row))
}

function idOf(words: readonly string[], action: WebhookAction): string {
  const [id, ...more] = words
  if (id === undefined || more.length > 0) throw new UsageError(`webhook ${action} needs the id of a webhook`)
  return id
}

function filterOf({ types, tags }: WebhookDetails): string {
  const parts = [
    ...(types === null ? [] : [`types ${types.join(', ')}`]),
    ...(tags === null ? [] : [`tags ${tags.join(', ')}`]),
  ]
  return parts.length === 0 ? '' : `; ${parts.join('; ')}`
}

function stateOf({ paused, paused_reason: why }: WebhookDetails): string {
  return paused ? `paused by ${why}` : 'active'
}

const webhookColumns: readonly Column<WebhookDetails>[] = [
  { title: 'ID', text: ({ id }) => id, least: 8 },
  { title: 'URL', text: ({ url }) => url, least: 20, yields: 2 },
  { title: 'EVENTS', text: ({ events }) => events.join(', '), yields: 1 },
  { title: 'STATE', text: ({ paused }) => (paused ? 'paused' : 'active') },
  { title: 'PENDING', text: ({ pending }) => count(pending), side: 'right' },
  { title: 'DEAD', text: ({ dead }) => count(dead), side: 'right' },
]

function deliveryColumns(now: number): readonly Column<DeliveryDetails>[] {
  return [
    { title: 'ID', text: ({ id }) => id },
    { title: 'EVENT', text: ({ event }) => event, least: 12 },
    { title: 'TASK', text: ({ task_id: id }) => id ?? '', yields: 2 },
    { title: 'STATUS', text: ({ status }) => status },
    { title: 'ATTEMPTS', text: ({ attempts }) => count(attempts), side: 'right' },
    { title: 'LAST ERROR', text: ({ last_error: error }) => error ?? '', yields: 1 },
    { title: 'AGE', text: ({ created_at: at }) => age(at, now), side: 'right' },
  ]
}
