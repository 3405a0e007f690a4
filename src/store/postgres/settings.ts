/**
 * Settings that the statements rely on, whatever the role, the database or the server sets: an administrator's `alter role
 * ... set` must neither break a statement nor weaken a promise.
 */
const relied: Readonly<Record<string, string>> = {
  array_nulls: 'on',
  transform_null_equals: 'off',
  standard_conforming_strings: 'on',
  extra_float_digits: '1',
  bytea_output: 'hex',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  search_path: 'pg_catalog',
  row_security: 'on',
  exit_on_error: 'off',
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',
  enable_indexscan: 'on',
  enable_indexonlyscan: 'on',
  enable_nestloop: 'on',
  statement_timeout: '0',
  // For reads: a transaction that writes sets its own.
  lock_timeout: '2s',
  idle_in_transaction_session_timeout: '5s',
}

/**
 * Some exist only in newer servers. A commit returns when it is durable here and on a synchronous standby; a server that
 * waits for more continues to do so.
 */
const more = (isLocal: boolean) => `
  select set_config(name, '0', ${isLocal}) from pg_settings where name in ('idle_session_timeout', 'transaction_timeout');
  select set_config('synchronous_commit', 'on', ${isLocal}) where current_setting('synchronous_commit') <> 'remote_apply'`

const all = (set: string) =>
  Object.entries(relied)
    .map(([name, value]) => `${set} ${name} = '${value}'`)
    .join(';')

/** For a session that is only ours. */
export const sessionSettings = `${all('set')};${more(false)}`

/** For one transaction: behind a pooler, the next one may have another server. */
export const transactionSettings = `${all('set local')};${more(true)}`

/** Begins the transaction of a single statement behind a pooler. */
export const beginSingle = `begin isolation level read committed read write; ${transactionSettings}`
