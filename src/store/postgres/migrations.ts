import { StoreUnavailable } from '../../core/errors.ts'
import type { Migrated } from '../store.ts'
import type { Session } from './connection.ts'

/**
 * Numbered from 1, forward only; `S` stands for the schema. Documents are stored next to the narrow hot row, as text,
 * because jsonb rejects `\u0000`. Suspects have their own queue index, so that those that wait for each other cost the
 * claims of other tasks nothing. Names are compared by bytes, whatever the locale of the database.
 */
export const migrations: readonly string[] = [
  `
  create sequence S.places;
  create table S.tasks (
    row_id bigint not null,
    queue_position bigint not null,
    created_at bigint not null,
    status_since bigint not null,
    run_at bigint,
    delay bigint,
    started_at bigint,
    completed_at bigint,
    saved_at bigint,
    active_ms bigint not null default 0,
    attempt_base_ms bigint not null default 0,
    queued_ms bigint not null default 0,
    paused_ms bigint not null default 0,
    timeout float8,
    version integer not null default 1,
    fence integer not null default 0,
    attempt integer not null default 0,
    priority integer not null,
    max_attempts integer not null,
    failures integer not null default 0,
    crashes integer not null default 0,
    attempt_open boolean not null default false,
    id text collate "C" primary key,
    type text collate "C" not null,
    status text collate "C" not null,
    requested_control text,
    owner_node text collate "C",
    ended_by text,
    backoff text not null,
    tags text not null,
    idempotency_key text collate "C",
    request_hash text,
    progress text,
    error text,
    timeline text not null
  ) with (
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 0
  );
  create index tasks_queue on S.tasks (type, priority desc, queue_position) where status = 'queued' and crashes < 2;
  create index tasks_suspects on S.tasks (type, priority desc, queue_position) where status = 'queued' and crashes >= 2;
  create index tasks_due on S.tasks (run_at, row_id) where status = 'scheduled';
  create index tasks_owned on S.tasks (type, owner_node) where owner_node is not null;
  create index tasks_done on S.tasks (completed_at, row_id) where completed_at is not null;
  create index tasks_listed on S.tasks (type, status, created_at, row_id) where status <> 'running';
  create unique index tasks_key on S.tasks (idempotency_key) where idempotency_key is not null;

  create table S.parameters (row_id bigint primary key, body text not null);
  create table S.checkpoints (row_id bigint primary key, body text not null)
    with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
  create table S.results (row_id bigint primary key, body text not null);

  create table S.counters (
    type text collate "C" not null,
    status text collate "C" not null,
    tasks bigint not null,
    primary key (type, status)
  ) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
  create table S.deltas (type text collate "C" not null, status text collate "C" not null, tasks bigint not null)
    with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

  create table S.tags (
    tag text collate "C" not null,
    created_at bigint not null,
    row_id bigint not null,
    id text collate "C" not null,
    primary key (tag, created_at, row_id)
  );
  create table S.holds (type text collate "C" primary key, since bigint not null, by text not null);
  create table S.operations (
    number bigint generated always as identity primary key,
    id text collate "C" not null unique,
    node text collate "C" not null,
    body text not null,
    cancel boolean not null default false
  );

  create table S.types (name text collate "C" primary key);
  create table S.nodes (
    id text collate "C" primary key,
    slots integer not null,
    types text not null,
    version text not null,
    started_at bigint not null,
    renewed_at bigint not null,
    lease_until bigint not null,
    ended_at bigint,
    host text,
    pid integer
  ) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
  create table S.fenced_off (
    task_id text collate "C" not null,
    fence integer not null,
    node text collate "C" not null,
    type text collate "C" not null,
    primary key (task_id, fence)
  );

  create table S.log (
    row_id bigint not null,
    number integer not null,
    at bigint not null,
    attempt integer not null,
    line text not null,
    primary key (row_id, number)
  );
  create table S.commits (mark uuid primary key, sought boolean not null default false, at timestamptz not null default now())
    with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
  `,
  `alter table S.tasks add column created_by text not null default 'anonymous';`,
  `
  create table S.keys (
    number bigint generated always as identity primary key,
    id text collate "C" not null unique,
    name text collate "C" not null unique,
    body text not null,
    last_used_at bigint
  );
  create table S.keys_version (one integer primary key check (one = 1), version bigint not null);
  `,
  `
  create table S.audit (
    at bigint not null,
    number bigint not null,
    tasks bigint,
    caller_id text collate "C",
    caller text collate "C" not null,
    action text collate "C" not null,
    task_id text collate "C",
    target_id text collate "C",
    target text collate "C",
    filter text,
    reason text,
    request_id text,
    primary key (at, number)
  ) with (autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.05);
  create index audit_task on S.audit (task_id, at, number) where task_id is not null;
  create index audit_action on S.audit (action, at, number) where action <> 'task.submit';
  create index audit_caller on S.audit (caller, at, number);
  alter table S.holds add column reason text;
  `,
  `alter table S.tasks add column trace text;`,
  `
  alter table S.tasks add column schedule_id text collate "C", add column tick_at bigint;
  create index tasks_unfinished on S.tasks (schedule_id, row_id) where schedule_id is not null and completed_at is null;
  create table S.schedules (
    id text collate "C" primary key,
    type text collate "C" not null,
    due_at bigint,
    version bigint not null,
    watches boolean not null,
    definition text not null,
    state text not null
  ) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
  create index schedules_due on S.schedules (due_at, type) where due_at is not null;
  create table S.ticks (
    schedule_id text collate "C" not null,
    tick_at bigint not null,
    task_id text collate "C",
    status text,
    skipped text,
    waits text,
    stored_at bigint not null,
    primary key (schedule_id, tick_at)
  );
  create index ticks_waiting on S.ticks (schedule_id, tick_at) where waits is not null;
  create index ticks_started on S.ticks (schedule_id, tick_at) where task_id is not null;
  `,
  `
  alter table S.tasks add column unique_key text;
  create table S.unique_keys (
    type text collate "C" not null,
    key text collate "C" not null,
    task_id text collate "C" not null,
    taken_at bigint not null,
    lasts bigint,
    primary key (type, key)
  ) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
  `,
  `
  alter table S.tasks add column missing integer not null default 0, add column awaited boolean not null default false;
  create index tasks_awaited on S.tasks (completed_at, row_id) where awaited and completed_at is not null;
  create table S.edges (
    predecessor text collate "C" not null,
    successor text collate "C" not null,
    on_failure text not null,
    primary key (predecessor, successor)
  ) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
  create index edges_of_successor on S.edges (successor, predecessor);
  `,
  `create index tasks_failed on S.tasks (completed_at, row_id) where status = 'failed';`,
  `alter table S.nodes add column worker text;`,
  `
  alter table S.tasks add column admission text, add column lane text collate "C";
  drop index S.tasks_queue;
  drop index S.tasks_suspects;
  create index tasks_queue on S.tasks (type, priority desc, queue_position)
    where status = 'queued' and crashes < 2 and lane is null;
  create index tasks_suspects on S.tasks (type, priority desc, queue_position)
    where status = 'queued' and crashes >= 2 and lane is null;
  create index tasks_in_lanes on S.tasks (lane, queue_position) where lane is not null;
  create index tasks_laned on S.tasks (type, priority desc, queue_position) where lane is not null;
  create table S.limits (
    name text collate "C" primary key,
    concurrency integer,
    rate integer,
    per bigint,
    scope text not null,
    origin text not null
  );
  create table S.limit_slots (
    bucket text collate "C" not null,
    task_id text collate "C" not null,
    fence integer not null,
    node text collate "C" not null,
    primary key (bucket, task_id, fence)
  ) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
  create index limit_slots_task on S.limit_slots (task_id);
  create table S.rates (
    bucket text collate "C" not null,
    node text collate "C" not null,
    earliest float8 not null,
    wakes_at bigint,
    primary key (bucket, node)
  ) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
  create index rates_waking on S.rates (wakes_at) where wakes_at is not null;
  create table S.lanes (
    id text collate "C" primary key,
    type text collate "C" not null,
    suspect boolean not null,
    keyed boolean not null,
    priority integer not null,
    turn bigint not null,
    position bigint not null,
    rises_at bigint,
    waits_for text collate "C",
    lane text not null
  ) with (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0
  );
  create index lanes_ready on S.lanes (type, suspect, keyed, priority desc, turn, position) where waits_for is null;
  create index lanes_waiting on S.lanes (waits_for, type, suspect, keyed, priority desc, turn, position)
    where waits_for is not null;
  create index lanes_rising on S.lanes (rises_at) where rises_at is not null;
  create table S.lane_buckets (
    bucket text collate "C" not null,
    lane text collate "C" not null,
    primary key (bucket, lane)
  );
  create table S.lane_notes (
    number bigint generated always as identity primary key,
    lane text collate "C",
    bucket text collate "C"
  ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
  create table S.turns (
    priority integer not null,
    flow text collate "C" not null,
    turn bigint not null,
    primary key (priority, flow)
  ) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
  create index turns_passed on S.turns (priority, turn);
  create table S.rounds (priority integer primary key, turn bigint not null) with (fillfactor = 50);
  `,
  `
  alter table S.tasks add column expires_in bigint;
  alter table S.tasks add column expires_at bigint;
  create index tasks_expiring on S.tasks (expires_at, row_id)
    where expires_at is not null and status in ('waiting', 'scheduled', 'queued');
  `,
  `
  create table S.steps (
    row_id bigint not null,
    number integer not null,
    name text not null,
    occurrence integer not null,
    status text not null,
    attempts integer not null,
    started_at bigint not null,
    finished_at bigint not null,
    error text,
    body text,
    primary key (row_id, name, occurrence)
  );
  create index steps_order on S.steps (row_id, number);
  `,
  `
  alter table S.limits add column max_queued integer;
  create table S.limit_queue (
    bucket text collate "C" not null,
    task_id text collate "C" not null,
    primary key (bucket, task_id)
  ) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
  `,
  `
  alter table S.tasks add column callback text;
  create table S.webhooks (
    number bigint generated always as identity primary key,
    id text collate "C" not null unique,
    body text not null
  );
  create table S.webhooks_version (one integer primary key check (one = 1), version bigint not null);
  create table S.deliveries (
    number bigint generated by default as identity primary key,
    created_at bigint not null,
    next_at bigint,
    version integer not null,
    attempts integer not null default 0,
    claim integer not null default 0,
    status text not null default 'pending',
    webhook_id text collate "C" not null,
    lane text collate "C" not null,
    task_id text collate "C",
    event text not null,
    url text,
    data text not null,
    history text not null default '[]'
  ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
  create index deliveries_due on S.deliveries (lane, next_at, number) where status = 'pending';
  create index deliveries_in_order on S.deliveries (lane, task_id, version) where status = 'pending' and task_id is not null;
  create index deliveries_listed on S.deliveries (webhook_id, number);
  create index deliveries_dead on S.deliveries (webhook_id, number) where status = 'dead';
  `,
  `
  alter table S.tasks add column preemption text;
  `,
  `
  create table S.outbox (
    number bigint generated always as identity primary key,
    at bigint not null,
    deliveries integer not null,
    body text not null
  ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
  `,
  `
  alter table S.tasks add column sleeps text;
  create index tasks_asleep on S.tasks (run_at, row_id) where status = 'waiting' and missing = 0;
  `,
  `
  alter table S.tasks add column news integer not null default 0, add column awaits text;
  create table S.waits (
    number bigint generated always as identity,
    row_id bigint not null,
    name text not null,
    occurrence integer not null,
    status text not null,
    token_hash text unique,
    body text,
    created_at bigint not null,
    timeout bigint,
    expires_at bigint,
    answered_at bigint,
    answered_by text,
    answer text,
    primary key (row_id, name, occurrence)
  );
  create unique index waits_number on S.waits (number);
  create index waits_open on S.waits (number) where status = 'open';
  `,
  `
  alter table S.tasks add column parent_id text collate "C", add column parent text;
  create index tasks_children on S.tasks (parent_id, created_at, row_id) where parent_id is not null;
  `,
  `
  create table S.figures (
    type text collate "C" not null,
    step bigint not null,
    writer text collate "C" not null,
    body text not null,
    primary key (type, step, writer)
  ) with (fillfactor = 50);
  create index figures_step on S.figures (step);
  `,
]

/** The lowest supported version number of the server. */
const oldestServer = 140_000

/**
 * Migrates the schema in one transaction under a lock: when several nodes start together, one migrates and the others find
 * it done. Refuses what this program cannot work with.
 */
export async function migrate(session: Session, schema: string): Promise<Migrated> {
  // A start must not wait behind locked tables, nor working nodes behind a migration that waits.
  const { settings } = session
  await session.query(
    `begin isolation level read committed read write; ${settings}; set local lock_timeout = '5s'`,
  )
  try {
    await refuseServer(session)
    const upToDate = (await versionOf(session, schema)) === migrations.length
    if (!upToDate) {
      // Another node may be migrating, for as long as it takes.
      await session.query('set local lock_timeout = 0')
      await session.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`fermata ${schema}`])
      await session.query("set local lock_timeout = '5s'")
    }
    const from = upToDate ? migrations.length : await apply(session, schema)
    await session.query('commit')
    return { from, to: migrations.length }
  } catch (error) {
    await session.query('rollback').catch(() => undefined)
    throw error
  }
}

async function refuseServer(session: Session): Promise<void> {
  const [row] = await session.query(
    `select current_setting('server_version_num')::int, current_setting('server_encoding'),
      current_setting('server_version')`,
  )
  const [number, encoding, version] = row as [number, string, string]
  if (number < oldestServer) throw refused(`PostgreSQL ${version} is too old: 14 or newer is needed.`)
  if (encoding !== 'UTF8') throw refused(`The database has the encoding ${encoding}: UTF8 is needed.`)
}

/** Returns the version from which it started. */
async function apply(session: Session, schema: string): Promise<number> {
  const name = quoted(schema)
  const [there] = await session.query('select 1 from pg_namespace where nspname = $1', [schema])
  if (there === undefined) await session.query(`create schema ${name}`)
  await session.query(
    `create table if not exists ${name}.migrations (version integer primary key, applied_at timestamptz not null default now())`,
  )
  const version = await versionOf(session, schema)
  if (version > migrations.length) {
    throw refused(
      `The database was written by a newer version of Fermata (schema ${version}; this version supports ${migrations.length}). Upgrade Fermata.`,
    )
  }
  for (const [index, migration] of migrations.entries()) {
    if (index < version) continue
    await session.query(migration.replaceAll('S.', `${name}.`))
    await session.query(`insert into ${name}.migrations (version) values ($1)`, [index + 1])
  }
  return version
}

/** The schema of the database, and that of this program. */
export async function schemaVersions(session: Session, schema: string): Promise<Migrated> {
  return { from: await versionOf(session, schema), to: migrations.length }
}

/** Checked inside the transaction: 0 if nothing is there yet. */
async function versionOf(session: Session, schema: string): Promise<number> {
  const table = `${quoted(schema)}.migrations`
  const [there] = await session.query('select to_regclass($1)::text', [table])
  if (there?.[0] == null) return 0
  const [row] = await session.query(`select coalesce(max(version), 0) from ${table}`)
  return Number(row?.[0])
}

/** Where the copy comes from that was not completed; undefined for a whole database. */
export async function unfinishedCopy(session: Session, schema: string): Promise<string | undefined> {
  const table = `${quoted(schema)}.transfer`
  const [there] = await session.query('select to_regclass($1)::text', [table])
  if (there?.[0] == null) return undefined
  const [row] = await session.query(`select source from ${table}`)
  return row?.[0] as string | undefined
}

/** A part of a database must not be taken for the whole. Throws `StoreUnavailable`. */
export async function mustBeWhole(session: Session, schema: string): Promise<void> {
  const source = await unfinishedCopy(session, schema)
  if (source === undefined) return
  throw refused(
    `The schema ${schema} is the target of an unfinished copy. Finish it with "fermata copy ${source} ..." to this database.`,
  )
}

/** Quotes an identifier. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function refused(message: string): StoreUnavailable {
  return new StoreUnavailable(message, { unknown: false })
}
