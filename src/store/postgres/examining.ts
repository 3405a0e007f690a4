import { failed, ofCounts, ofEncryption, ok, warning, type Finding, type KeyNames } from '../examination.ts'
import { addressOf } from './address.ts'
import { Connection, type Session } from './connection.ts'
import { defaultSchema } from './migrating.ts'
import { mustBeWhole, schemaVersions } from './migrations.ts'
import { liveNodes } from './nodes.ts'
import { statementsFor } from './statements.ts'
import { PostgresTransfer } from './transfer.ts'

/** Milliseconds: counting many tasks takes a while. */
const patience = 600_000

/** What is right and wrong with a database that nodes share. Nothing is created or changed. `version`: of this program. */
export async function examinePostgres(database: string, version: string, keys: KeyNames): Promise<Finding[]> {
  const { servers, schema = defaultSchema } = addressOf(database)
  const connection = new Connection(servers, `fermata ${schema} doctor`, { answerWithin: patience })
  try {
    const session = await connection.session()
    const findings = [...(await serverOf(session)), await clockOf(session)]
    const { from, to } = await schemaVersions(session, schema)
    if (from === 0)
      return [...findings, warning('schema', `${schema} does not exist yet: the first start creates it`)]
    if (from > to)
      return [
        ...findings,
        failed('schema', `is ${from}, of a newer version of Fermata; this one supports ${to}`),
      ]
    await mustBeWhole(session, schema)
    findings.push(
      from < to
        ? warning('schema', `is ${from}: the next start migrates it to ${to}`)
        : ok('schema', `is ${to}, that of this version`),
    )
    const nodes = await liveNodes(session, statementsFor(schema), undefined)
    const others = [...new Set(nodes.map((node) => node.version))].filter((other) => other !== version)
    const alive = `${nodes.length} alive`
    findings.push(
      others.length === 0
        ? ok('nodes', alive)
        : warning('nodes', `${alive}, some of version ${others.join(', ')}; this one is ${version}`),
    )
    if (from === to) {
      const transfer = new PostgresTransfer(session, schema, [])
      await session.query('begin isolation level repeatable read read only')
      findings.push(ofCounts(await transfer.counters(), await transfer.tasks()))
      findings.push(ofEncryption(await transfer.encrypted(), keys))
      await session.query('rollback')
    }
    return findings
  } catch (error) {
    return [failed('database', (error as Error).message)]
  } finally {
    await connection.close()
  }
}

async function serverOf(session: Session): Promise<Finding[]> {
  const [row] = await session.query(
    `select current_setting('server_version'), current_setting('fsync'), current_setting('full_page_writes'),
      pg_is_in_recovery(), pg_database_size(current_database())`,
  )
  const [server, fsync, fullPages, isStandby, bytes] = row as [string, string, string, boolean, number]
  const size = `${Math.ceil(bytes / 1_048_576)} MB`
  return [
    ok('database', `PostgreSQL ${server}, ${size}`),
    fsync === 'on' && fullPages === 'on'
      ? ok('durability', 'commits survive a crash of the server')
      : failed(
          'durability',
          `fsync is ${fsync} and full_page_writes is ${fullPages}: a crash can lose or damage tasks`,
        ),
    ...(isStandby ? [failed('primary', 'this server is a standby')] : []),
  ]
}

/** Clocks of nodes do not matter to Fermata, but a wrong one is worth knowing. */
async function clockOf(session: Session): Promise<Finding> {
  const sent = Date.now()
  const [row] = await session.query('select floor(extract(epoch from clock_timestamp()) * 1000)::bigint')
  const received = Date.now()
  const there = Number(row?.[0])
  const skew = there < sent ? there - sent : Math.max(0, there - received)
  const shown = `${Math.abs(skew) / 1_000} s ${skew < 0 ? 'behind' : 'ahead of'} this machine`
  return Math.abs(skew) < 1_000
    ? ok('clock', 'agrees with that of the database')
    : warning('clock', `the database is ${shown}. Only its clock decides; check both.`)
}
