import type { DatabaseSync } from 'node:sqlite'
import { StoreUnavailable } from '../../core/errors.ts'
import type { Migrated } from '../store.ts'

/** Marks the file as ours ("FRMT"). */
const applicationId = 0x46524d54

/**
 * Numbered from 1, forward only. The hot row is narrow: documents are stored next to it, so that a transition rewrites none
 * of them. Running tasks are few and found by their owner, so the list index leaves them out. Suspects have their own queue
 * index, so that those that wait for each other cost the claims of other tasks nothing. `clock_moved` is the sum, in
 * milliseconds, of changes of the wall clock that the times of delays have followed. Entries of the audit log up
 * to the place in `audit_indexed` are in `audit_tasks` and `audit_callers`; the few after it are not yet.
 */
export const migrations: readonly string[] = [
  `
  create table tasks (
    row_id integer primary key,
    id text not null unique,
    type text not null,
    status text not null,
    priority integer not null,
    queue_position integer not null,
    version integer not null,
    fence integer not null,
    attempt integer not null,
    attempt_open integer not null,
    max_attempts integer not null,
    failures integer not null,
    crashes integer not null,
    timeout integer,
    backoff text not null,
    tags text not null,
    idempotency_key text,
    request_hash text,
    owner_node text,
    requested_control text,
    created_at integer not null,
    run_at integer,
    delay integer,
    started_at integer,
    completed_at integer,
    status_since integer not null,
    saved_at integer,
    active_ms integer not null,
    attempt_base_ms integer not null,
    queued_ms integer not null,
    paused_ms integer not null,
    progress text,
    error text,
    ended_by text,
    timeline text not null
  ) strict;
  create index tasks_queue on tasks (type, priority desc, queue_position) where status = 'queued' and crashes < 2;
  create index tasks_suspects on tasks (type, priority desc, queue_position) where status = 'queued' and crashes >= 2;
  create index tasks_due on tasks (run_at) where status = 'scheduled';
  create index tasks_owned on tasks (owner_node) where owner_node is not null;
  create index tasks_done on tasks (completed_at) where completed_at is not null;
  create index tasks_listed on tasks (type, status, created_at) where status <> 'running';
  create unique index tasks_key on tasks (idempotency_key) where idempotency_key is not null;

  create table parameters (row_id integer primary key, body text not null) strict;
  create table checkpoints (row_id integer primary key, body text not null) strict;
  create table results (row_id integer primary key, body text not null) strict;

  create table counters (
    type text not null,
    status text not null,
    tasks integer not null,
    primary key (type, status)
  ) strict, without rowid;
  create table sequence (
    one integer primary key check (one = 1),
    queue_position integer not null,
    clock_moved integer not null default 0
  ) strict;
  insert into sequence (one, queue_position) values (1, 0);

  create table nodes (
    id text primary key,
    slots integer not null,
    types text not null,
    version text not null,
    started_at integer not null,
    ended_at integer,
    host text,
    pid integer
  ) strict, without rowid;
  create table fenced_off (
    task_id text not null,
    fence integer not null,
    node text not null,
    type text not null,
    primary key (task_id, fence)
  ) strict, without rowid;

  create table tags (
    tag text not null,
    created_at integer not null,
    row_id integer not null,
    primary key (tag, created_at, row_id)
  ) strict, without rowid;
  create table holds (type text primary key, since integer not null, by text not null) strict, without rowid;
  create table operations (
    number integer primary key,
    id text not null unique,
    node text not null,
    body text not null,
    cancel integer not null default 0
  ) strict;
  create table log (
    row_id integer not null,
    number integer not null,
    at integer not null,
    attempt integer not null,
    line text not null,
    primary key (row_id, number)
  ) strict, without rowid;
  `,
  `alter table tasks add column created_by text not null default 'anonymous';`,
  `
  create table keys (
    number integer primary key,
    id text not null unique,
    name text not null unique,
    body text not null,
    last_used_at integer
  ) strict;
  create table keys_version (one integer primary key check (one = 1), version integer not null) strict;
  insert into keys_version (one, version) values (1, 0);
  `,
  `
  create table audit (
    at integer not null,
    number integer not null,
    caller_id text,
    caller text not null,
    action text not null,
    task_id text,
    target_id text,
    target text,
    filter text,
    tasks integer,
    reason text,
    request_id text,
    primary key (at, number)
  ) strict, without rowid;
  create index audit_task on audit (task_id, at, number) where task_id is not null;
  create index audit_action on audit (action, at, number) where action <> 'task.submit';
  create index audit_caller on audit (caller, at, number);
  alter table holds add column reason text;
  `,
  `alter table tasks add column trace text;`,
  `
  alter table tasks add column schedule_id text;
  alter table tasks add column tick_at integer;
  create index tasks_unfinished on tasks (schedule_id, row_id) where schedule_id is not null and completed_at is null;
  create table schedules (
    id text primary key,
    type text not null,
    due_at integer,
    version integer not null,
    watches integer not null,
    definition text not null,
    state text not null
  ) strict;
  create index schedules_due on schedules (due_at, type) where due_at is not null;
  create table ticks (
    schedule_id text not null,
    tick_at integer not null,
    task_id text,
    status text,
    skipped text,
    waits text,
    stored_at integer not null,
    primary key (schedule_id, tick_at)
  ) strict, without rowid;
  create index ticks_waiting on ticks (schedule_id, tick_at) where waits is not null;
  create index ticks_started on ticks (schedule_id, tick_at) where task_id is not null;
  `,
  `
  alter table tasks add column unique_key text;
  create table unique_keys (
    type text not null,
    key text not null,
    task_id text not null,
    taken_at integer not null,
    lasts integer,
    primary key (type, key)
  ) strict, without rowid;
  `,
  `
  alter table tasks add column missing integer not null default 0;
  alter table tasks add column awaited integer not null default 0;
  create index tasks_awaited on tasks (completed_at) where awaited = 1 and completed_at is not null;
  create table edges (
    predecessor text not null,
    successor text not null,
    on_failure text not null,
    primary key (predecessor, successor)
  ) strict, without rowid;
  create index edges_of_successor on edges (successor, predecessor);
  `,
  `create index tasks_failed on tasks (completed_at, row_id) where status = 'failed';`,
  `
  alter table nodes add column worker text;
  alter table nodes add column renewed_at integer;
  `,
  `
  alter table tasks add column admission text;
  alter table tasks add column lane text;
  drop index tasks_queue;
  drop index tasks_suspects;
  create index tasks_queue on tasks (type, priority desc, queue_position)
    where status = 'queued' and crashes < 2 and lane is null;
  create index tasks_suspects on tasks (type, priority desc, queue_position)
    where status = 'queued' and crashes >= 2 and lane is null;
  create index tasks_in_lanes on tasks (lane, queue_position) where lane is not null;
  create index tasks_laned on tasks (type, priority desc, queue_position) where lane is not null;
  create table limits (
    name text primary key,
    concurrency integer,
    rate integer,
    per integer,
    scope text not null,
    origin text not null
  ) strict, without rowid;
  create table limit_slots (
    bucket text not null,
    task_id text not null,
    fence integer not null,
    node text not null,
    primary key (bucket, task_id, fence)
  ) strict, without rowid;
  create index limit_slots_task on limit_slots (task_id);
  create table rates (
    bucket text not null,
    node text not null,
    earliest real not null,
    wakes_at integer,
    primary key (bucket, node)
  ) strict, without rowid;
  create index rates_waking on rates (wakes_at) where wakes_at is not null;
  create table lanes (
    id text primary key,
    type text not null,
    suspect integer not null,
    keyed integer not null,
    priority integer not null,
    turn integer not null,
    position integer not null,
    rises_at integer,
    waits_for text,
    lane text not null
  ) strict, without rowid;
  create index lanes_ready on lanes (type, suspect, keyed, priority desc, turn, position) where waits_for is null;
  create index lanes_waiting on lanes (waits_for, type, suspect, keyed, priority desc, turn, position)
    where waits_for is not null;
  create index lanes_rising on lanes (rises_at) where rises_at is not null;
  create table lane_buckets (
    bucket text not null,
    lane text not null,
    primary key (bucket, lane)
  ) strict, without rowid;
  create table lane_notes (number integer primary key, lane text unique, bucket text unique) strict;
  create table turns (
    priority integer not null,
    flow text not null,
    turn integer not null,
    primary key (priority, flow)
  ) strict, without rowid;
  create index turns_passed on turns (priority, turn);
  create table rounds (priority integer primary key, turn integer not null) strict;
  `,
  `
  alter table tasks add column expires_in integer;
  alter table tasks add column expires_at integer;
  create index tasks_expiring on tasks (expires_at)
    where expires_at is not null and status in ('waiting', 'scheduled', 'queued');
  `,
  `
  create table audit_tasks (
    task_id text not null,
    at integer not null,
    number integer not null,
    primary key (task_id, at, number)
  ) strict, without rowid;
  create table audit_callers (
    caller text not null,
    at integer not null,
    number integer not null,
    primary key (caller, at, number)
  ) strict, without rowid;
  create table audit_indexed (one integer primary key check (one = 1), at integer not null, number integer not null) strict;
  insert into audit_tasks select task_id, at, number from audit where task_id is not null order by task_id, at, number;
  insert into audit_callers select caller, at, number from audit order by caller, at, number;
  insert into audit_indexed (one, at, number) values (1, 0, 0);
  insert or replace into audit_indexed select 1, at, number from audit order by at desc, number desc limit 1;
  drop index audit_task;
  drop index audit_caller;
  `,
  `
  create table steps (
    row_id integer not null,
    number integer not null,
    name text not null,
    occurrence integer not null,
    status text not null,
    attempts integer not null,
    started_at integer not null,
    finished_at integer not null,
    error text,
    body text,
    primary key (row_id, name, occurrence)
  ) strict;
  create index steps_order on steps (row_id, number);
  `,
  `
  alter table limits add column max_queued integer;
  create table limit_queue (bucket text not null, task_id text not null, primary key (bucket, task_id)) strict, without rowid;
  `,
  `
  alter table tasks add column callback text;
  create table webhooks (number integer primary key, id text not null unique, body text not null) strict;
  create table deliveries (
    number integer primary key,
    webhook_id text not null,
    lane text not null,
    url text,
    event text not null,
    task_id text,
    version integer not null,
    data text not null,
    created_at integer not null,
    status text not null default 'pending',
    attempts integer not null default 0,
    next_at integer,
    claim integer not null default 0,
    history text not null default '[]'
  ) strict;
  create index deliveries_due on deliveries (lane, next_at, number) where status = 'pending';
  create index deliveries_in_order on deliveries (lane, task_id, version) where status = 'pending' and task_id is not null;
  create index deliveries_listed on deliveries (webhook_id, number);
  create index deliveries_dead on deliveries (webhook_id, number) where status = 'dead';
  `,
  `
  alter table tasks add column preemption text;
  `,
  `
  create table outbox (number integer primary key, deliveries integer not null, at integer not null, body text not null) strict;
  `,
  `
  alter table tasks add column sleeps text;
  create index tasks_asleep on tasks (run_at) where status = 'waiting' and missing = 0;
  `,
  `
  alter table tasks add column news integer not null default 0;
  alter table tasks add column awaits text;
  create table waits (
    number integer primary key,
    row_id integer not null,
    name text not null,
    occurrence integer not null,
    status text not null,
    token_hash text unique,
    body text,
    created_at integer not null,
    timeout integer,
    expires_at integer,
    answered_at integer,
    answered_by text,
    answer text,
    unique (row_id, name, occurrence)
  ) strict;
  create index waits_open on waits (number) where status = 'open';
  `,
  `
  alter table tasks add column parent_id text;
  alter table tasks add column parent text;
  create index tasks_children on tasks (parent_id, created_at, row_id) where parent_id is not null;
  `,
  `
  create table figures (
    type text not null,
    step integer not null,
    writer text not null,
    body text not null,
    primary key (type, step, writer)
  ) strict, without rowid;
  create index figures_step on figures (step);
  `,
]

/** Refuses a file that is not ours, and one of a newer program. Must be called before anything is written to it. */
export function refuseForeign(db: DatabaseSync, path: string): void {
  const version = pragma(db, 'user_version')
  const owner = pragma(db, 'application_id')
  const tables = Number(db.prepare('select count(*) as c from sqlite_schema').get()?.['c'])
  if (owner !== applicationId && tables > 0) {
    throw new StoreUnavailable(
      `${path} is a SQLite file that does not belong to Fermata. Choose another path.`,
      {
        unknown: false,
      },
    )
  }
  if (version > migrations.length) {
    throw new StoreUnavailable(
      `${path} was written by a newer version of Fermata (schema ${version}; this version supports ${migrations.length}). Upgrade Fermata.`,
      { unknown: false },
    )
  }
}

/** The schema of the file, and that of this program. */
export function migrationsOf(db: DatabaseSync): Migrated {
  return { from: pragma(db, 'user_version'), to: migrations.length }
}

/** Migrates the file in one transaction; an up-to-date file is not written to. */
export function migrate(db: DatabaseSync): Migrated {
  const { from, to } = migrationsOf(db)
  if (from === to) return { from, to }
  db.exec('begin immediate')
  try {
    for (const migration of migrations.slice(from)) db.exec(migration)
    db.exec(`pragma application_id = ${applicationId}`)
    db.exec(`pragma user_version = ${to}`)
    db.exec('commit')
  } catch (error) {
    if (db.isTransaction) db.exec('rollback')
    throw error
  }
  return { from, to }
}

/** Where the copy comes from that was not completed; undefined for a whole database. */
export function unfinishedCopy(db: DatabaseSync): string | undefined {
  const found = db.prepare(`select 1 from sqlite_schema where type = 'table' and name = 'transfer'`).get()
  return found === undefined ? undefined : String(db.prepare('select source from transfer').get()?.['source'])
}

/** A part of a database must not be taken for the whole. Throws `StoreUnavailable`. */
export function mustBeWhole(db: DatabaseSync, path: string): void {
  const source = unfinishedCopy(db)
  if (source === undefined) return
  throw new StoreUnavailable(
    `The database ${path} is the target of an unfinished copy. Finish it with "fermata copy ${source} sqlite:${path}".`,
    { unknown: false },
  )
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(db.prepare(`pragma ${name}`).get()?.[name])
}
