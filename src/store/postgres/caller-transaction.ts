import { StoreUnavailable } from '../../core/errors.ts'
import type { Submission } from '../../core/task.ts'
import type { CallersTransaction } from '../sharing.ts'
import type { SubmitOptions, Submitted } from '../store.ts'
import { parserOf, type Rows, type Session } from './connection.ts'
import type { QueueEstimate } from './counters.ts'
import { failureOf, stateOf } from './failures.ts'
import { submitAll } from './submitting.ts'
import { Transaction, type Source } from './transaction.ts'

/**
 * Submits within a transaction of the caller. It is neither begun nor ended here, and its settings are the caller's; tables
 * are qualified with their schema. Nothing is notified: that would take a lock that all commits of the server share.
 */
export async function submitWithin(
  callers: CallersTransaction,
  { submissions, options }: Readonly<{ submissions: readonly Submission[]; options: SubmitOptions }>,
  source: Source,
  waiting: QueueEstimate,
): Promise<Submitted> {
  const tx = new Transaction(sessionOf(callers), source, 'begun')
  try {
    await tx.ask(source.sql.mustBeWithin)
    // The rows have nulls and are sent in arrays; all other settings are the caller's.
    const [[nulls] = []] = await tx.ask(
      `select current_setting('array_nulls'), set_config('array_nulls', 'on', true)`,
    )
    const [submitted] = await submitAll(tx, [{ submissions, options }], waiting, true)
    if (nulls === 'off') tx.write('set local array_nulls = off')
    await tx.flush()
    return submitted!
  } catch (thrown) {
    const cause = tx.causeOf(thrown)
    throw new StoreUnavailable(reasonOf(cause), { unknown: false, cause })
  }
}

/** One statement after the other, as the driver requires of its users. */
function sessionOf(callers: CallersTransaction): Session {
  let last: Promise<unknown> = Promise.resolve()
  const query: Session['query'] = (text, values = []) => {
    const rows = last.then(async () => {
      const types = { getTypeParser: parserOf }
      return (await callers.query({ text, values: [...values], rowMode: 'array', types })).rows as Rows
    })
    last = rows.catch(() => undefined)
    return rows
  }
  return { query, alone: query, settings: '', send() {} }
}

function reasonOf(cause: unknown): string {
  if (stateOf(cause) === '25P01') return 'The client of tx is not in a transaction: send begin first.'
  if (stateOf(cause) === '42P01' || stateOf(cause) === '3F000') {
    return 'The client of tx is connected to another database, or another schema, than this manager.'
  }
  if (failureOf(cause) === 'race') {
    return 'Another transaction interfered, so this one is aborted. Roll it back and start it again.'
  }
  const said = cause instanceof Error ? cause.message : String(cause)
  return `The submit within the transaction failed: ${said}. Roll it back.`
}
