import type { Client } from 'pg'
import { nameOf } from './address.ts'

/** Milliseconds that slower servers have, once one has answered that can be written. */
const grace = 300

/** No server can be written: all that they say against it. */
export class NoPrimary extends Error {
  override readonly name = 'NoPrimary'
  /** One for each server. */
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

/** A server that cannot be written now: a standby, or a primary that was told to write nothing. */
export class ReadOnly extends Error {
  override readonly name = 'ReadOnly'
}

/**
 * A connection to the server that can be written. All are asked at once, so that one that is gone without a word costs
 * nothing. Of two that can be written, the one with the newer history is the primary: the other one was the primary before,
 * and came back without being told. Throws `NoPrimary`.
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
  // Without a listener an error that comes later would end the process.
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

/** What is set for our role alone says nothing of the server: a connection sets it back. */
const isWritable = `select case
  when pg_is_in_recovery() then false
  when current_setting('transaction_read_only') = 'off' then true
  else (select source in ('user', 'database user') from pg_settings where name = 'default_transaction_read_only')
  end as writable`

/** The timeline, which rises with each promotion; it stands before the name of the log. Not every service would tell it. */
const historyOf = 'select left(pg_walfile_name(pg_current_wal_lsn()), 8) as history'

function endUnless(best: Writable | undefined, answer: Writable | Refused): void {
  if ('client' in answer && answer !== best) answer.client.end().catch(ignore)
}

/** A name with several addresses has an error for each, and no message of its own. */
function messageOf(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  return first instanceof Error ? first.message : String(first)
}

function ignore(): void {}
