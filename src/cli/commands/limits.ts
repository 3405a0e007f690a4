import type { BucketDetails, LimitDetails, LimitDraft } from '../../client/index.ts'
import { UsageError } from '../exit.ts'
import { age, count, duration } from '../format.ts'
import type { Action } from '../perform.ts'
import type { Session } from '../session.ts'
import { finishWithoutOutput } from '../terminal/outputs.ts'
import { Table, type Column } from '../terminal/table.ts'
import { safe } from '../terminal/text.ts'

type Options = Readonly<{
  concurrency?: number
  rate?: Readonly<{ limit: number; per: number }>
  maxQueued?: number
  scope?: 'global' | 'node'
  blocked?: boolean
  key?: string
  limit?: number
  reason?: string
}>

export const limitActions = ['list', 'show', 'set', 'delete'] as const
type LimitAction = (typeof limitActions)[number]

export const limits: Action = async (session, command) => {
  const [name = 'list', ...words] = command.args
  const action = limitActions.find((one) => one === name)
  if (action === undefined)
    throw new UsageError(`unknown action ${name}: choose one of ${limitActions.join(', ')}`)
  finishWithoutOutput()
  await actions[action](session, words, command.opts<Options>())
}

const actions: Readonly<
  Record<LimitAction, (session: Session, words: readonly string[], options: Options) => Promise<void>>
> = {
  async list(session, words) {
    if (words.length > 0) throw new UsageError('limits list takes no more words')
    const { limits: all } = await session.client.listLimits()
    if (session.json) for (const one of all) await session.printJson(one)
    else if (session.quiet) for (const { name } of all) await session.out.print(safe`${name}`)
    else if (all.length === 0) await session.remark('No limits. Create one with "fermata limits set".')
    else await printTable(session, limitColumns, all)
  },

  async show(session, words, { blocked, key, limit = 100 }) {
    const name = nameOf(words, 'show')
    const one = await session.client.getLimit(name)
    const { buckets } = await session.client.listBuckets(name, {
      limit,
      ...(blocked === undefined ? {} : { blocked }),
      ...(key === undefined ? {} : { key }),
    })
    if (session.json) return session.printJson({ ...one, keys: buckets })
    if (session.quiet) {
      for (const bucket of buckets) await session.out.print(safe`${bucket.key}`)
      return
    }
    await session.out.print(safe`${one.name}: ${boundsOf(one)}, ${originOf(one)}`)
    if (buckets.length > 0) await printTable(session, bucketColumns(Date.now()), buckets)
  },

  async set(session, words, { concurrency, rate, maxQueued, scope, reason }) {
    const name = nameOf(words, 'set')
    if (concurrency === undefined && rate === undefined && maxQueued === undefined)
      throw new UsageError('limits set needs --concurrency, --rate or --max-queued')
    const draft: LimitDraft = {
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(rate === undefined ? {} : { rate }),
      ...(maxQueued === undefined ? {} : { max_queued: maxQueued }),
      ...(scope === undefined ? {} : { scope }),
    }
    const one = await session.client.setLimit(name, draft, reason === undefined ? {} : { reason })
    if (session.json) await session.printJson(one)
    else if (session.quiet) await session.out.print(safe`${one.name}`)
    else await session.out.print(safe`Set ${one.name}: ${boundsOf(one)}.`)
  },

  async delete(session, words, { reason }) {
    const name = nameOf(words, 'delete')
    await session.client.deleteLimit(name, reason === undefined ? {} : { reason })
    if (session.quiet) await session.out.print(safe`${name}`)
    else if (!session.json) await session.out.print(safe`Deleted ${name}.`)
  },
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

function nameOf(words: readonly string[], action: LimitAction): string {
  const [name, ...more] = words
  if (name === undefined || more.length > 0)
    throw new UsageError(`limits ${action} needs the name of a limit`)
  return name
}

/** What a limit allows, in words. */
function boundsOf({ concurrency, rate, max_queued: max, scope }: LimitDetails): string {
  const bounds = [
    ...(concurrency === null ? [] : [`${count(concurrency)} at once`]),
    ...(rate === null ? [] : [`${count(rate.limit)} starts per ${duration(rate.per)}`]),
    ...(max === null ? [] : [`${count(max)} queued`]),
  ]
  return `${bounds.join(', ')}${scope === 'node' ? ' on each node' : ''}`
}

function originOf({ origin }: LimitDetails): string {
  return origin === 'api' ? 'set by hand' : `declared by type ${origin}`
}

const limitColumns: readonly Column<LimitDetails>[] = [
  { title: 'NAME', text: ({ name }) => name, least: 8 },
  { title: 'ALLOWS', text: boundsOf, least: 12 },
  { title: 'ORIGIN', text: ({ origin }) => origin, yields: 2 },
  { title: 'RUNNING', text: ({ running }) => count(running), side: 'right' },
  { title: 'KEYS', text: ({ buckets }) => count(buckets), side: 'right' },
  { title: 'BLOCKED', text: ({ blocked }) => count(blocked), side: 'right' },
]

function bucketColumns(now: number): readonly Column<BucketDetails>[] {
  return [
    { title: 'KEY', text: ({ key }) => (key === '' ? '(all)' : key), least: 6 },
    { title: 'RUNNING', text: ({ running }) => count(running), side: 'right' },
    { title: 'QUEUED', text: ({ queued }) => count(queued), side: 'right' },
    {
      title: 'NEXT START',
      text: ({ next_start_at: at }) => (at === null ? '' : age(at, now)),
      side: 'right',
    },
  ]
}
