import {
  isFermataError,
  type IssuedKey,
  type KeyDetails,
  type KeyDraft,
  type Scope,
} from '../../client/index.ts'
import { rateLimitText, type RateLimit } from '../../core/rate-limit.ts'
import { UsageError } from '../exit.ts'
import { age } from '../format.ts'
import type { Action } from '../perform.ts'
import type { Session } from '../session.ts'
import { finishWithoutOutput } from '../terminal/outputs.ts'
import { Table, type Column } from '../terminal/table.ts'
import { safe } from '../terminal/text.ts'

/** The keys of a server, or those in a database that no server has open. */
export type KeyAdmin = Readonly<{
  /** For messages: the server or the database. */
  place: string
  create(draft: KeyDraft): Promise<IssuedKey>
  list(): Promise<readonly KeyDetails[]>
  rotate(id: string, overlap: number, reason: string | undefined): Promise<IssuedKey>
  revoke(id: string, reason: string | undefined): Promise<void>
}>

/** Opens the keys in a database. */
export type OpenLocal = (database: string) => Promise<KeyAdmin & AsyncDisposable>

type Options = Readonly<{
  scope?: Scope[]
  type?: string[]
  tag?: string[]
  expires?: number
  rateLimit?: RateLimit
  overlap?: number
  reason?: string
  database?: string
  url?: string
}>

export const keyActions = ['create', 'list', 'rotate', 'revoke'] as const
type KeyAction = (typeof keyActions)[number]

/** Through the server if there is one, otherwise on the database itself. */
export function keys(openLocal: OpenLocal | undefined): Action {
  return async (session, command) => {
    const options = command.opts<Options>()
    const [name, target] = command.args
    const action = keyActions.find((one) => one === name)
    if (action === undefined)
      throw new UsageError(`unknown action ${name}: choose one of ${keyActions.join(', ')}`)
    if (action !== 'list' && target === undefined)
      throw new UsageError(
        `keys ${action} needs ${action === 'create' ? 'a name' : 'the id or name of a key'}`,
      )
    const act = (admin: KeyAdmin) => actions[action](session, admin, { ...options, target: target ?? '' })
    finishWithoutOutput()
    if (options.database === undefined) {
      try {
        return await act(ofServer(session))
      } catch (error) {
        const isHere = options.url === undefined && !process.env['FERMATA_URL']
        if (!isFermataError(error, 'SERVER_UNREACHABLE') || openLocal === undefined || !isHere) throw error
      }
    }
    if (openLocal === undefined) throw new UsageError('this program cannot open databases')
    const database = options.database ?? (process.env['DATABASE_URL'] || 'sqlite:./fermata.db')
    await using admin = await openLocal(database)
    await session.remark(`No server at ${session.url}: using ${admin.place}`)
    return await act(admin)
  }
}

type Target = Options & Readonly<{ target: string }>

const actions: Readonly<
  Record<KeyAction, (session: Session, admin: KeyAdmin, target: Target) => Promise<void>>
> = {
  async create(session, admin, { target: name, scope, type, tag, expires, rateLimit, reason }) {
    if (scope === undefined)
      throw new UsageError('keys create needs --scope: read, run, control, worker or admin; repeatable')
    const rate = rateLimit === undefined ? null : { limit: rateLimit.limit, per: rateLimit.per / 1_000 }
    const limits = { types: type ?? null, tags: tag ?? null, expires_at: expires ?? null, rate_limit: rate }
    const draft = { name, scopes: scope, ...limits, ...because(reason) }
    await tell(session, await admin.create(draft))
  },
  async list(session, admin) {
    const all = await admin.list()
    if (session.json) for (const key of all) await session.printJson(key)
    else if (session.quiet) for (const { id } of all) await session.out.print(id)
    else if (all.length === 0) await session.remark('No keys. Anyone who reaches the server may call it.')
    else {
      const table = new Table(session.out, columns(Date.now()), all)
      await session.out.print(table.head)
      for (const key of all) await session.out.print(table.line(key))
    }
  },
  async rotate(session, admin, { target, overlap, reason }) {
    await tell(session, await admin.rotate(await idOf(admin, target), overlap ?? 0, reason))
  },
  async revoke(session, admin, { target, reason }) {
    const id = await idOf(admin, target)
    await admin.revoke(id, reason)
    if (session.quiet) await session.out.print(id)
    else if (!session.json) await session.out.print(safe`Revoked ${target}.`)
  },
}

/** In a pipe, only the key, so that it can be stored. */
async function tell(session: Session, issued: IssuedKey): Promise<void> {
  if (session.json) return session.printJson(issued)
  await session.out.print(session.quiet ? issued.id : issued.key)
  await session.remark(`Key ${issued.name} (${issued.id}). It is not shown again: store it now.`)
}

async function idOf(admin: KeyAdmin, target: string): Promise<string> {
  return (await admin.list()).find(({ id, name }) => id === target || name === target)?.id ?? target
}

function ofServer({ client, url }: Session): KeyAdmin {
  return {
    place: url,
    create: (draft) => client.createKey(draft),
    list: async () => (await client.listKeys()).keys,
    rotate: (id, overlap, reason) => client.rotateKey(id, { overlap, ...because(reason) }),
    revoke: (id, reason) => client.revokeKey(id, because(reason)),
  }
}

function because(reason: string | undefined) {
  return reason === undefined ? {} : { reason }
}

function columns(now: number): readonly Column<KeyDetails>[] {
  const limits = ({ types, tags }: KeyDetails) => [...(types ?? []), ...(tags ?? []).map((tag) => `#${tag}`)]
  return [
    { title: 'ID', text: ({ id }) => id },
    { title: 'NAME', text: ({ name }) => name, least: 8 },
    { title: 'SCOPES', text: ({ scopes }) => scopes.join(','), least: 8 },
    { title: 'ONLY', text: (key) => limits(key).join(','), least: 6, yields: 4 },
    {
      title: 'REQUESTS',
      text: ({ rate_limit: rate }) =>
        rate === null ? '' : rateLimitText({ limit: rate.limit, per: rate.per * 1_000 }),
      yields: 6,
    },
    { title: 'CREATED', text: ({ created_at: at }) => age(at, now), side: 'right', yields: 2 },
    {
      title: 'LAST USE',
      text: ({ last_used_at: at }) => (at === null ? '' : age(at, now)),
      side: 'right',
      yields: 3,
    },
    {
      title: 'EXPIRES',
      text: ({ expires_at: at }) => (at === null ? '' : new Date(at * 1_000).toISOString().slice(0, 16)),
      yields: 5,
    },
  ]
}
