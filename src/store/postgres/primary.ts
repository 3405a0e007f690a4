import type { Client } from 'pg'
import { nameOf } from './address.ts'

/** Milliseconds for slower servers, once a writable one has responded. */
const grace = 300

/** No server is writable; contains the error of each. */
export class NoPrimary extends Error {
  override readonly name = 'NoPrimary'
  /** One per server. */
  readonly reasons: readonly unknown[]

  constructor(reasons: readonly unknown[], servers: readonly string[]) {
    const said = reasons.map((reason) => (reason instanceof Error ? messageOf(reason) : String(reason)))
    super(
      servers.length === 1
        ? said[0]
        : said.map((text, index) => `${nameOf(servers[index]!)}: ${text}`).join('; '),
    )
    this.reasons = reasons
  }
}

/** A server that is not writable now: a standby, or a primary set to read-only. */
export class ReadOnly extends Error {
  override readonly name = 'ReadOnly'
}

/**
 * A connection to the writable server. All servers are tried at once, so one that silently disappeared costs nothing. Of two
 * writable ones, the one with the newer history is the primary: the other one is a former primary that came back by mistake.
 * Throws `NoPrimary`.
 */
export async function connectToPrimary(
  servers: readonly string[],
  clientFor: (server: string) => Client,
): Promise<Client> {
  const tries = servers.map((server) => tryServer(clientFor(server), servers.length > 1))
  const { promise: late, resolve: tooLate } = Promise.withResolvers<'late'>()
  let timer: NodeJS.Timeout | undefined
  const inTime = tries.map(async (trying) => {
    const answer = await Promise.race([trying, late])
    if (answer !== 'late' && 'history' in answer) timer ??= setTimeout(() => tooLate('late'), grace)
    return answer
  })
  const answers = await Promise.all(inTime)
  clearTimeout(timer)
  let best: Writable | undefined
  for (const answer of answers) {
    if (answer === 'late' || !('history' in answer)) continue
    if (best === undefined || answer.history > best.history) best = answer
  }
  for (const trying of tries) void trying.then((answer) => endUnless(best, answer))
  if (best !== undefined) return best.client
  throw new NoPrimary(
    answers.map((answer) => (answer !== 'late' && 'reason' in answer ? answer.reason : answer)),
    servers,
  )
}

type Writable = Readonly<{ client: Client; history: string }>
type Refused = Readonly<{ reason: unknown }>

async function tryServer(client: Client, amongOthers: boolean): Promise<Writable | Refused> {
  // Without a listener, a later error would end the process.
  client.on('error', ignore)
  try {
    await client.connect()
    const { rows } = await client.query<{ writable: boolean }>(isWritable)
    if (rows[0]?.writable !== true) throw new ReadOnly('it is a standby or read-only')
    if (!amongOthers) return { client, history: '' }
    const found = await client.query<{ history: string }>(historyOf)
    return { client, history: found.rows[0]?.history ?? '' }
  } catch (reason) {
    client.end().catch(ignore)
    return { reason }
  }
}

/** A setting of our role alone says nothing about the server: each connection overrides it. */
const isWritable = `select case
  when pg_is_in_recovery() then false
  when current_setting('transaction_read_only') = 'off' then true
  else (select source in ('user', 'database user') from pg_settings where name = 'default_transaction_read_only')
  end as writable`

/** The timeline, which rises with each promotion; it is the beginning of the WAL file name. Not every service returns it. */
const historyOf = 'select left(pg_walfile_name(pg_current_wal_lsn()), 8) as history'

function endUnless(best: Writable | undefined, answer: Writable | Refused): void {
  if ('client' in answer && answer !== best) answer.client.end().catch(ignore)
}

/** A host name with several addresses has an error for each, and no message of its own. */
function messageOf(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  return first instanceof Error ? first.message : String(first)
}

function ignore(): void {}
