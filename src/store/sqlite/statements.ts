import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { joinPolicies, parentPolicies } from '../../core/dependency.ts'
import { failurePolicies } from '../../core/task.ts'
import { urgentPriority } from '../../core/preemption.ts'
import { suspectFrom } from '../../core/task.ts'
import { auditColumns } from '../auditing.ts'
import { stepColumns, stepNames } from '../step-rows.ts'
import { waitColumns, waitNames } from '../wait-rows.ts'
import {
  insertedNames,
  movingColumns,
  newDefaults,
  plainColumns,
  savedColumns,
  selectedNames,
  type Column,
} from '../columns.ts'
import { deliveryNames } from '../delivery-rows.ts'
import { selectedColumns } from './rows.ts'

const settings = (columns: readonly Column[]) => columns.map(({ name }) => `${name} = ?`).join(', ')
const marks = (count: number) => Array.from({ length: count }, () => '?').join(', ')
const plainNames = ['row_id', ...plainColumns.map(({ name }) => name), 'timeline']
const deliveryColumns = deliveryNames.join(', ')

/** One page of candidates: before or after a position, in list order. */
const candidates = (from: string, order: 'newest' | 'oldest', at = 'created_at') => {
  const [than, direction] = order === 'newest' ? ['<', 'desc'] : ['>', 'asc']
  return `select ${at}, row_id from ${from} and (${at}, row_id) ${than} (?, ?) and ${at} >= ? and ${at} < ?
    order by ${at} ${direction}, row_id ${direction} limit ?`
}
const listed = `tasks indexed by tasks_listed where type = ? and status = ? and status <> 'running'`
const running = `tasks indexed by tasks_owned where owner_node is not null and type = ? and status = ?`
const tagged = 'tags where tag = ?'
const ofOne = 'tasks indexed by tasks_children where parent_id = ?'
const edge = (policies: readonly string[]) =>
  `e.on_failure in (${policies.map((policy) => `'${policy}'`).join(', ')})`
/** An edge `e` from a parent to its child. */
const ofParent = edge(parentPolicies)
/** An edge `e` from a child to its parent, whose handler waits for it. */
const ofJoin = edge(joinPolicies)
/** An edge `e` to a task that has not started, and waits to. */
const holdsBack = edge(failurePolicies)
const named = 'tasks where id >= ? and id < ?'
const done = 'tasks indexed by tasks_done where completed_at is not null'

/** So that paused and waiting tasks are found by the list index. */
const suspendedTypes = `select type from counters where status in ('paused', 'waiting') and tasks > 0`

/** The parts of the queue, each with an index. */
const unsuspected = `status = 'queued' and crashes < ${suspectFrom} and lane is null`
const suspected = `status = 'queued' and crashes >= ${suspectFrom} and lane is null`

/** Not expired at this time. */
const unexpired = '(expires_at is null or expires_at > ?)'

/** Whose time to start runs out, as in the index. */
const expiring = `expires_at is not null and status in ('waiting', 'scheduled', 'queued')`

const laneColumns = 'id, lane, priority, rises_at, position, turn, waits_for'

const waitChanges = waitColumns
  .filter(({ name }) => name !== 'name' && name !== 'occurrence')
  .map(({ name }) => `${name} = excluded.${name}`)
  .join(', ')
/** The number, the wait, and its task. */
const waitsWithTask = `select w.number, ${waitColumns.map(({ name }) => `w.${name}`).join(', ')}, ${selectedNames.map((name) => `t.${name}`).join(', ')}
  from waits w join tasks t on t.row_id = w.row_id`

const auditNames = ['at', 'number', ...auditColumns.map(({ name }) => name)].join(', ')

/** Entries of the audit log before a position, newest first. */
const audited = (
  from: string,
) => `select ${auditNames} from audit ${from} (at, number) < (?, ?) and at >= ? and at < ?
    order by at desc, number desc limit ?`

/** The same for those with a key, of which the newest are not in the index yet. */
const auditedBy = (column: string, index: string) => `select ${auditNames} from (
    select at, number from ${index} where ${column} = ?1 and (at, number) < (?2, ?3) and at >= ?4 and at < ?5
    union all
    select at, number from audit
      where ${column} = ?1 and (at, number) < (?2, ?3) and +at >= ?4 and at < ?5
        and at >= (select at from audit_indexed) and (at, number) > (select at, number from audit_indexed)
    order by at desc, number desc limit ?6
  ) join audit using (at, number) order by at desc, number desc`

/** Adds what is after the place in `audit_indexed` to an index. */
const indexing = (column: string, index: string) => `insert or ignore into ${index} (${column}, at, number)
    select ${column}, at, number from audit
    where (at, number) > (select at, number from audit_indexed) and ${column} is not null`

const unindexing = (column: string, index: string) => `delete from ${index} where (${column}, at, number) in (
    select ${column}, at, number from audit where (at, number) <= (?, ?))`

/** Every statement of the store. A change names the row, the status and the version that it moves from. */
const sql = {
  insertTask: `insert into tasks (${insertedNames.join(', ')}, timeline) values (${marks(insertedNames.length + 1)})`,
  insertPlainTask: `insert into tasks (${[...plainNames, ...Object.keys(newDefaults)].join(', ')})
    values (${[marks(plainNames.length), ...Object.values(newDefaults)].join(', ')})`,
  insertParameters: 'insert into parameters (row_id, body) values (?, ?)',
  move: `update tasks set ${settings(movingColumns)}, timeline = timeline || ?
    where row_id = ? and status = ? and version = ?`,
  failedBefore: `select ${selectedColumns} from tasks indexed by tasks_failed
    where status = 'failed' and (completed_at, row_id) < (?, ?) and completed_at >= ?
    order by completed_at desc, row_id desc limit ?`,
  endedNewest: `select ${selectedColumns} from tasks indexed by tasks_done
    where completed_at is not null and (completed_at, row_id) < (?, ?) and completed_at >= ?
    order by completed_at desc, row_id desc limit ?`,
  endedOldest: `select ${selectedColumns} from tasks indexed by tasks_done
    where completed_at is not null and (completed_at, row_id) > (?, ?) and completed_at < ?
    order by completed_at, row_id limit ?`,
  timelineById: 'select timeline from tasks where id = ?',
  rowById: `select ${selectedColumns} from tasks where id = ?`,
  rowByNumber: `select ${selectedColumns} from tasks where row_id = ?`,
  rowByKey: `select ${selectedColumns} from tasks where idempotency_key = ?`,
  keyHolder: `select k.task_id, k.taken_at, k.lasts, t.status, t.expires_at
    from unique_keys k join tasks t on t.id = k.task_id where k.type = ? and k.key = ?`,
  takeKey: `insert into unique_keys (type, key, task_id, taken_at, lasts) values (?, ?, ?, ?, ?)
    on conflict (type, key) do update set task_id = excluded.task_id, taken_at = excluded.taken_at, lasts = excluded.lasts`,
  freeKey: 'delete from unique_keys where type = ? and key = ? and task_id = ?',
  boundKeys: 'update unique_keys set taken_at = ?1 where lasts is not null and taken_at > ?1',
  timeline: 'select timeline from tasks where row_id = ?',
  setTimeline: 'update tasks set timeline = ? where row_id = ?',
  queueHead: `select row_id, priority, queue_position from tasks indexed by tasks_queue
    where type = ? and ${unsuspected} and ${unexpired} order by priority desc, queue_position limit ?`,
  hasSuspects: `select 1 from tasks indexed by tasks_suspects where ${suspected} limit 1`,
  runsSuspect: `select 1 from tasks indexed by tasks_owned
    where owner_node = ? and crashes >= ${suspectFrom} and status in ('running', 'pausing', 'cancelling') limit 1`,
  suspectHead: `select row_id, priority, queue_position from tasks indexed by tasks_suspects
    where type = ? and ${suspected} and ${unexpired} order by priority desc, queue_position limit 1`,
  urgent: `select ${selectedColumns} from tasks indexed by tasks_queue
    where type = ? and ${unsuspected} and ${unexpired} and priority >= ${urgentPriority}
    order by priority desc, queue_position limit ?`,
  /** Lanes are left out that wait for a bucket, unless a claim that nobody makes now would put them back. */
  urgentInLanes: `select ${selectedColumns}, lane from tasks indexed by tasks_laned
    where type = ?1 and lane is not null and (expires_at is null or expires_at > ?2) and priority >= ${urgentPriority} and crashes < ${suspectFrom}
      and lane not in (select value from json_each(?3))
      and not exists (select 1 from lanes l where l.id = tasks.lane and l.waits_for is not null
        and l.waits_for not in (select bucket from lane_notes where bucket is not null)
        and l.waits_for not in (select bucket from rates where wakes_at is not null and wakes_at <= ?2))
    order by priority desc, queue_position limit ?4`,
  runningOfTypes: `select ${selectedColumns} from tasks indexed by tasks_owned
    where owner_node is not null and status = 'running' and type in (select value from json_each(?))`,
  setPreemption: 'update tasks set preemption = ? where row_id = ? and version = ?',
  expired: `select ${selectedColumns} from tasks indexed by tasks_expiring
    where ${expiring} and expires_at <= ? order by expires_at limit ?`,
  nextExpiry: `select min(expires_at) from tasks indexed by tasks_expiring where ${expiring}`,
  moveExpiries: `update tasks indexed by tasks_expiring set expires_at = expires_at + ? where ${expiring}`,
  boundExpiries: `update tasks indexed by tasks_expiring set expires_at = ?1 + expires_in
    where ${expiring} and expires_at > ?1 + expires_in`,
  due: `select ${selectedColumns} from tasks indexed by tasks_due
    where status = 'scheduled' and run_at <= ? order by run_at limit ?`,
  asleepUntil: `select ${selectedColumns} from tasks indexed by tasks_asleep
    where status = 'waiting' and missing = 0 and run_at <= ? order by run_at limit ?`,
  asleepOf: `select count(*) from tasks indexed by tasks_asleep where status = 'waiting' and missing = 0 and type = ?`,
  nextDue: `select min(at) from (
    select min(run_at) as at from tasks indexed by tasks_due where status = 'scheduled'
    union all select min(run_at) from tasks indexed by tasks_asleep where status = 'waiting' and missing = 0)`,
  moveDelays: `update tasks indexed by tasks_due set run_at = run_at + ? where status = 'scheduled' and delay is not null`,
  moveSuspendedDelays: `update tasks indexed by tasks_listed set run_at = run_at + ?
    where type in (${suspendedTypes}) and status in ('paused', 'waiting') and status <> 'running' and delay is not null`,
  boundDelays: `update tasks indexed by tasks_due set run_at = ?1 + delay
    where status = 'scheduled' and delay is not null and run_at > ?1 + delay`,
  boundSuspendedDelays: `update tasks indexed by tasks_listed set run_at = ?1 + delay
    where type in (${suspendedTypes}) and status in ('paused', 'waiting') and status <> 'running' and delay is not null and run_at > ?1 + delay`,
  clockMoved: 'select clock_moved from sequence',
  setClockMoved: 'update sequence set clock_moved = ?',
  orphans: `select ${selectedColumns} from tasks indexed by tasks_owned
    where owner_node is not null and owner_node not in (select id from nodes where ended_at is null)
    order by queue_position`,
  save: `update tasks set ${settings(savedColumns)} where row_id = ? and version = ?`,
  setMissing: 'update tasks set missing = ? where row_id = ? and version = ?',
  await: 'update tasks set awaited = 1 where row_id = ? and awaited = 0',
  told: 'update tasks set awaited = 0 where row_id = ?',
  /** A child that its parent asks for again is linked already, or anew. */
  insertEdge: 'insert or ignore into edges (predecessor, successor, on_failure) values (?, ?, ?)',
  dropEdge: 'delete from edges where predecessor = ? and successor = ?',
  ended: `select ${selectedColumns} from tasks indexed by tasks_awaited
    where awaited = 1 and completed_at is not null order by completed_at limit ?`,
  hasEnded:
    'select 1 from tasks indexed by tasks_awaited where awaited = 1 and completed_at is not null limit 1',
  hasEdges: 'select 1 from edges limit 1',
  successors: 'select successor, on_failure from edges where predecessor = ? order by successor limit ?',
  /** Without those of joins. */
  edgesTo: `select predecessor, on_failure from edges e where e.successor = ? and not ${ofJoin} order by predecessor`,
  /** Children for which the handler of a task waits, up to a number. */
  joinedUpTo: `select count(*) from (select 1 from edges e where e.successor = ? and ${ofJoin} limit ?)`,
  countJoined: `select count(*) from edges e where e.successor = ? and ${ofJoin}`,
  joined: `select ${selectedNames.map((name) => `t.${name}`).join(', ')}
    from edges e join tasks t on t.id = e.predecessor
    where e.successor = ? and ${ofJoin} order by e.predecessor limit ?`,
  dropJoins: `delete from edges as e where e.successor = ? and ${ofJoin}`,
  predecessors: `select ${selectedNames.map((name) => `t.${name}`).join(', ')}
    from edges e join tasks t on t.id = e.predecessor
    where e.successor = ? and ${holdsBack} order by e.predecessor limit ?`,
  waitingFor: `select ${selectedNames.map((name) => `t.${name}`).join(', ')}
    from edges e join tasks t on t.id = e.successor
    where e.predecessor = ? and ${holdsBack} order by e.successor limit ?`,
  parentLink: `select 1 from edges e where e.successor = ? and ${ofParent}`,
  children:
    'select status, count(*) from tasks indexed by tasks_children where parent_id = ? group by status',
  childrenUpTo:
    'select count(*) from (select 1 from tasks indexed by tasks_children where parent_id = ? limit ?)',
  forgetChildren: `update tasks indexed by tasks_children set idempotency_key = null
    where parent_id = ? and idempotency_key is not null`,
  parameters: 'select body from parameters where row_id = ?',
  setParameters: 'update parameters set body = ? where row_id = ?',
  /** The size of a text is known without reading it. */
  parametersUpTo: `select octet_length(body), case when octet_length(body) <= ? then body end
    from parameters where row_id = ?`,
  checkpoint: 'select body from checkpoints where row_id = ?',
  putCheckpoint: `insert into checkpoints (row_id, body) values (?, ?) on conflict (row_id) do update set body = excluded.body`,
  dropCheckpoint: 'delete from checkpoints where row_id = ?',
  result: 'select body from results where row_id = ?',
  putResult: 'insert into results (row_id, body) values (?, ?)',
  dropResult: 'delete from results where row_id = ?',
  prunable: `select ${selectedColumns} from tasks indexed by tasks_done
    where completed_at is not null and completed_at < ? and awaited = 0
      and (parent_id is null or not exists (select 1 from edges e where e.successor = tasks.id and ${ofParent}))
    order by completed_at limit ?`,
  lastLine: 'select coalesce(max(number), 0) from log where row_id = ?',
  insertLine: 'insert into log (row_id, number, at, attempt, line) values (?, ?, ?, ?, ?)',
  trimLog: 'delete from log where row_id = ? and number <= ?',
  log: 'select number, at, attempt, line from log where row_id = ? and number > ? order by number limit ?',
  dropLog: 'delete from log where row_id = ?',
  putStep: `insert into steps (row_id, number, ${stepNames})
    values (?1, (select coalesce(max(number), 0) + 1 from steps where row_id = ?1), ${marks(stepColumns.length)})
    on conflict (row_id, name, occurrence) do update set status = excluded.status, attempts = excluded.attempts,
      started_at = excluded.started_at, finished_at = excluded.finished_at, error = excluded.error, body = excluded.body
    where steps.status <> 'completed'`,
  addStep: `insert into steps (row_id, number, ${stepNames}) values (${marks(stepColumns.length + 2)})`,
  stepSizes: `select number, coalesce(octet_length(body), 0) from steps where row_id = ? and number > ? order by number limit ?`,
  stepsUpTo: `select number, ${stepNames} from steps where row_id = ? and number > ? and number <= ? order by number`,
  dropSteps: 'delete from steps where row_id = ?',
  wait: `select ${waitNames} from waits where row_id = ? and name = ? and occurrence = ?`,
  countWaits: 'select count(*) from waits where row_id = ?',
  putWait: `insert into waits (row_id, ${waitNames}) values (${marks(waitColumns.length + 1)})
    on conflict (row_id, name, occurrence) do update set ${waitChanges}`,
  dropWaits: 'delete from waits where row_id = ?',
  waitsOfRow: `select ${waitNames} from waits where row_id = ? order by number`,
  waitByToken: `${waitsWithTask} where w.token_hash = ?`,
  waitsOfNewest: `${waitsWithTask} where t.id = ? and w.number < ? order by w.number desc limit ?`,
  waitsOfOldest: `${waitsWithTask} where t.id = ? and w.number > ? order by w.number limit ?`,
  openNewest: `${waitsWithTask} where w.status = 'open' and w.number < ? order by w.number desc limit ?`,
  openOldest: `${waitsWithTask} where w.status = 'open' and w.number > ? order by w.number limit ?`,
  waitsNewest: `${waitsWithTask} where w.number < ? order by w.number desc limit ?`,
  waitsOldest: `${waitsWithTask} where w.number > ? order by w.number limit ?`,
  moveWaits: `update waits indexed by waits_open set expires_at = expires_at + ? where status = 'open' and expires_at is not null`,
  boundWaits: `update waits indexed by waits_open set expires_at = ?1 + timeout
    where status = 'open' and expires_at is not null and expires_at > ?1 + timeout`,
  deleteTask: 'delete from tasks where row_id = ?',
  deleteParameters: 'delete from parameters where row_id = ?',
  maxNumber: 'select coalesce(max(row_id), 0) from tasks',
  sequence: 'select queue_position from sequence',
  setSequence: 'update sequence set queue_position = ?',
  counters: 'select type, status, tasks from counters where tasks > 0',
  setCounter: `insert into counters (type, status, tasks) values (?, ?, ?)
    on conflict (type, status) do update set tasks = excluded.tasks`,
  endNodes: 'update nodes set ended_at = ? where ended_at is null and worker is null',
  endNode: 'update nodes set ended_at = ? where id = ? and ended_at is null',
  startNode: `insert into nodes (id, slots, types, version, host, pid, started_at) values (?, ?, ?, ?, ?, ?, ?)`,
  living: `select b.id, b.slots, b.types, b.version, b.host, b.pid, b.started_at,
      (select count(*) from tasks where owner_node = b.id and status in ('running', 'pausing', 'cancelling'))
      + (select count(*) from fenced_off where node = b.id)
    from nodes b where b.ended_at is null and b.worker is null order by b.started_at, b.id`,
  nodeAlive: 'select 1 from nodes where id = ? and ended_at is null',
  forgetNodes: `delete from nodes where ended_at is not null and ended_at < ?`,
  worker: 'select worker from nodes where id = ?',
  putWorker: `insert into nodes (id, slots, types, version, worker, started_at, renewed_at) values (?, 0, '[]', '', ?, ?, ?)
    on conflict (id) do update
      set worker = excluded.worker, started_at = excluded.started_at, renewed_at = excluded.renewed_at, ended_at = null`,
  seeWorker: 'update nodes set renewed_at = ? where id = ? and ended_at is null',
  workers: `select id, worker, started_at, renewed_at from nodes
    where worker is not null and ended_at is null order by started_at, id`,
  workerRuns: `select ${selectedColumns} from tasks indexed by tasks_owned
    where owner_node is not null and owner_node in (select id from nodes where worker is not null and ended_at is null)
      and status in ('running', 'pausing', 'cancelling')`,
  forgetWorkers:
    'update nodes set ended_at = ? where worker is not null and ended_at is null and renewed_at < ?',
  fenceOff: 'insert into fenced_off (task_id, fence, node, type) values (?, ?, ?, ?)',
  slotsOf: 'select fence, node, type from fenced_off where task_id = ?',
  releaseSlot: 'delete from fenced_off where task_id = ? and fence = ?',
  fencedOff: 'select type, count(*) from fenced_off group by type',
  listedNewest: candidates(listed, 'newest'),
  listedOldest: candidates(listed, 'oldest'),
  runningNewest: candidates(running, 'newest'),
  runningOldest: candidates(running, 'oldest'),
  childrenNewest: candidates(ofOne, 'newest'),
  childrenOldest: candidates(ofOne, 'oldest'),
  taggedNewest: candidates(tagged, 'newest'),
  taggedOldest: candidates(tagged, 'oldest'),
  namedNewest: candidates(named, 'newest'),
  namedOldest: candidates(named, 'oldest'),
  doneNewest: candidates(done, 'newest', 'completed_at'),
  doneOldest: candidates(done, 'oldest', 'completed_at'),
  idByNumber: 'select id from tasks where row_id = ?',
  firstIdFrom: 'select id from tasks where id >= ? order by id limit 1',
  idsWithin: 'select id from tasks where id >= ? and id < ? order by id limit ?',
  idsEnding: 'select id from tasks where id >= ? and id < ? and substr(id, ?) = ? order by id limit ?',
  aheadByPriority: `select count(*) from (select 1 from tasks indexed by tasks_queue
    where type = ? and ${unsuspected} and priority > ? limit ?)`,
  aheadByPosition: `select count(*) from (select 1 from tasks indexed by tasks_queue
    where type = ? and ${unsuspected} and priority = ? and queue_position < ? limit ?)`,
  suspectsAheadByPriority: `select count(*) from (select 1 from tasks indexed by tasks_suspects
    where type = ? and ${suspected} and priority > ? limit ?)`,
  suspectsAheadByPosition: `select count(*) from (select 1 from tasks indexed by tasks_suspects
    where type = ? and ${suspected} and priority = ? and queue_position < ? limit ?)`,
  oldestBelow: `select priority, status_since from tasks indexed by tasks_queue
    where type = ? and ${unsuspected} and priority < ? order by priority desc, queue_position limit 1`,
  oldestSuspectBelow: `select priority, status_since from tasks indexed by tasks_suspects
    where type = ? and ${suspected} and priority < ? order by priority desc, queue_position limit 1`,
  lanedAheadByPriority: `select count(*) from (select 1 from tasks indexed by tasks_laned
    where type = ? and lane is not null and priority > ? limit ?)`,
  lanedAheadByPosition: `select count(*) from (select 1 from tasks indexed by tasks_laned
    where type = ? and lane is not null and priority = ? and queue_position < ? limit ?)`,
  oldestLanedBelow: `select priority, status_since from tasks indexed by tasks_laned
    where type = ? and lane is not null and priority < ? order by priority desc, queue_position limit 1`,
  insertTag: 'insert or ignore into tags (tag, created_at, row_id) values (?, ?, ?)',
  deleteTag: 'delete from tags where tag = ? and created_at = ? and row_id = ?',
  keysVersion: 'select version from keys_version',
  raiseKeysVersion: 'update keys_version set version = version + 1',
  keys: 'select body, last_used_at from keys order by number',
  key: 'select body, last_used_at from keys where id = ?',
  addKey: 'insert into keys (id, name, body) values (?, ?, ?) on conflict (name) do nothing',
  setKey: 'update keys set body = ? where id = ?',
  removeKey: 'delete from keys where id = ?',
  useKey: 'update keys set last_used_at = ? where id = ?',
  holds: 'select type, since, by, reason from holds',
  hold: 'insert into holds (type, since, by, reason) values (?, ?, ?, ?) on conflict (type) do nothing',
  lift: 'delete from holds where type = ?',
  addSchedule: `insert into schedules (id, type, due_at, version, watches, definition, state)
    values (?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing`,
  setSchedule: 'update schedules set due_at = ?, version = ?, watches = ?, state = ? where id = ?',
  setDefinition: 'update schedules set type = ?, definition = ? where id = ?',
  removeSchedule: 'delete from schedules where id = ?',
  schedule: 'select id, definition, state from schedules where id = ?',
  scheduleVersion: 'select version from schedules where id = ?',
  schedulesAfter: 'select id, definition, state from schedules where id > ? order by id limit ?',
  isWatching: 'select 1 from schedules where id = ? and watches = 1',
  dueSchedules: `select id from schedules indexed by schedules_due
    where due_at is not null and due_at <= ? and type in (select value from json_each(?)) order by due_at limit ?`,
  nextSchedule: `select due_at from schedules indexed by schedules_due
    where due_at is not null and due_at > ? and type in (select value from json_each(?)) order by due_at limit 1`,
  firstDue: 'select min(due_at) from schedules indexed by schedules_due where due_at is not null',
  unfinishedOf: `select id, requested_control from tasks indexed by tasks_unfinished
    where schedule_id = ? and completed_at is null order by row_id limit ?`,
  tick: 'select task_id, waits from ticks where schedule_id = ? and tick_at = ?',
  putTick: `insert into ticks (schedule_id, tick_at, task_id, skipped, waits, stored_at) values (?, ?, ?, ?, ?, ?)
    on conflict (schedule_id, tick_at) do update set
      task_id = excluded.task_id, skipped = excluded.skipped, waits = excluded.waits, stored_at = excluded.stored_at`,
  waitingTicks: `select tick_at, task_id, status, skipped, waits from ticks indexed by ticks_waiting
    where schedule_id = ? and waits is not null order by tick_at limit ?`,
  startedTicks: `select t.tick_at, t.task_id, coalesce(k.status, t.status), t.skipped, t.waits
    from ticks t indexed by ticks_started left join tasks k on k.id = t.task_id
    where t.schedule_id = ? and t.task_id is not null order by t.tick_at desc limit ?`,
  ticksBefore: `select t.tick_at, t.task_id, coalesce(k.status, t.status), t.skipped, t.waits
    from ticks t left join tasks k on k.id = t.task_id
    where t.schedule_id = ? and t.tick_at < ? order by t.tick_at desc limit ?`,
  setOutcome: 'update ticks set status = ? where schedule_id = ? and tick_at = ?',
  scheduleIds: 'select id from schedules where id > ? order by id limit ?',
  pruneTicks: `delete from ticks where schedule_id = ?1 and tick_at in (
    select tick_at from ticks where schedule_id = ?1 and waits is null and stored_at < ?2
      and tick_at < (select tick_at from ticks where schedule_id = ?1 order by tick_at desc limit 1 offset ?3)
    order by tick_at limit ?4)`,
  removeTicks: 'delete from ticks where schedule_id = ?',
  limits: 'select name, concurrency, rate, per, scope, origin, max_queued from limits order by name',
  limit: 'select name, concurrency, rate, per, scope, origin, max_queued from limits where name = ?',
  putLimit: `insert into limits (name, concurrency, rate, per, scope, origin, max_queued) values (?, ?, ?, ?, ?, ?, ?)
    on conflict (name) do update set concurrency = excluded.concurrency, rate = excluded.rate, per = excluded.per,
      scope = excluded.scope, origin = excluded.origin, max_queued = excluded.max_queued`,
  enterQueue: 'insert or ignore into limit_queue (bucket, task_id) values (?, ?)',
  leaveQueue: 'delete from limit_queue where bucket = ? and task_id = ?',
  queuedFor: 'select count(*) from limit_queue where bucket = ?',
  removeLimit: 'delete from limits where name = ?',
  takeSlot: 'insert into limit_slots (bucket, task_id, fence, node) values (?, ?, ?, ?)',
  freeSlots: 'delete from limit_slots where task_id = ? and fence = ? returning bucket',
  fenceSlots: 'update limit_slots set fence = ? where task_id = ? and fence = 0',
  freeDeadSlots: `delete from limit_slots
    where fence > 0 and node not in (select id from nodes where ended_at is null) returning bucket`,
  slotsIn: 'select count(*) from limit_slots where bucket = ?',
  slotsOnNode: 'select count(*) from limit_slots where bucket = ? and node = ?',
  slotsWithin: 'select count(*) from limit_slots where bucket >= ? and bucket < ?',
  slotHolders: 'select distinct task_id from limit_slots where bucket = ? order by task_id limit ?',
  putFigure: `insert into figures (step, writer, type, body) values (?, ?, ?, ?)
    on conflict (type, step, writer) do update set body = excluded.body`,
  forgetFigures: `delete from figures where (type, step, writer) in (
    select type, step, writer from figures where step < ? limit ?)`,
  figuresSince: 'select step, writer, type, body from figures where type = ? and step >= ?',
  figures: 'select step, writer, type, body from figures',
  noteLane: 'insert or ignore into lane_notes (lane) values (?)',
  noteBucket: 'insert or ignore into lane_notes (bucket) values (?)',
  noteWaiting: `insert or ignore into lane_notes (bucket)
    select distinct waits_for from lanes indexed by lanes_waiting where waits_for >= ? and waits_for < ?`,
  laneNotes: 'select number, lane, bucket from lane_notes order by number limit ?',
  dropLaneNotes: 'delete from lane_notes where number <= ?',
  isAwake: `select exists (select 1 from lane_notes)
    or exists (select 1 from lanes indexed by lanes_ready where waits_for is null)
    or exists (select 1 from lanes indexed by lanes_rising where rises_at is not null and rises_at <= ?1)
    or exists (select 1 from rates indexed by rates_waking where wakes_at is not null and wakes_at <= ?1)`,
  risingLanes:
    'select id from lanes indexed by lanes_rising where rises_at is not null and rises_at <= ? limit ?',
  dueRates: `update rates set wakes_at = null where (bucket, node) in (
    select bucket, node from rates indexed by rates_waking where wakes_at is not null and wakes_at <= ? limit ?)
    returning bucket`,
  nextRate: 'select min(wakes_at) from rates indexed by rates_waking where wakes_at is not null',
  rate: 'select earliest from rates where bucket = ? and node = ?',
  putRate: `insert into rates (bucket, node, earliest, wakes_at) values (?, ?, ?, ?)
    on conflict (bucket, node) do update set earliest = excluded.earliest,
      wakes_at = coalesce(excluded.wakes_at, rates.wakes_at)`,
  moveRates: `update rates set earliest = earliest + ?1, wakes_at = wakes_at + ?1`,
  moveDeliveries: `update deliveries set next_at = next_at + ?1 where status = 'pending'`,
  /** An odd claim is that of an attempt: whoever made it is gone. */
  freeDeliveries: `update deliveries set next_at = ?1, claim = claim + 1 where status = 'pending' and claim % 2 = 1`,
  boundDeliveries: `update deliveries set next_at = ?1 + ?2 where status = 'pending' and next_at > ?1 + ?2`,
  dropIdleRates: `delete from rates where (bucket, node) in (
    select bucket, node from rates where earliest < ? and wakes_at is null limit ?)`,
  lane: `select ${laneColumns} from lanes where id = ?`,
  firstInLane: `select type, priority, crashes, admission, queue_position, status_since from tasks indexed by tasks_in_lanes
    where lane = ? order by queue_position limit 1`,
  headsInLane: `select row_id, queue_position, status_since from tasks indexed by tasks_in_lanes
    where lane = ? and ${unexpired} order by queue_position limit ?`,
  countInLane: `select count(*) from (select 1 from tasks indexed by tasks_in_lanes where lane = ? and queue_position < ? limit ?)`,
  readyLanes: `select ${laneColumns} from lanes indexed by lanes_ready
    where waits_for is null and type = ? and suspect = ? and keyed = ? and id not in (select value from json_each(?))
    order by priority desc, turn, position limit ?`,
  waitingKind: `select type, suspect, keyed from lanes indexed by lanes_waiting
    where waits_for = ? and (type, suspect, keyed) > (?, ?, ?) order by type, suspect, keyed limit 1`,
  waitingLanes: `select ${laneColumns} from lanes indexed by lanes_waiting
    where waits_for = ? and type = ? and suspect = ? and keyed = ? order by priority desc, turn, position limit ?`,
  putLane: `insert into lanes (id, lane, priority, rises_at, position, turn, waits_for, type, suspect, keyed)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    on conflict (id) do update set priority = excluded.priority, rises_at = excluded.rises_at,
      position = excluded.position, turn = excluded.turn, waits_for = excluded.waits_for`,
  dropLane: 'delete from lanes where id = ?',
  putLaneBucket: 'insert or ignore into lane_buckets (bucket, lane) values (?, ?)',
  dropLaneBucket: 'delete from lane_buckets where bucket = ? and lane = ?',
  lanesOfBucket: 'select lane from lane_buckets where bucket = ?',
  isWaitedFor: 'select 1 from lanes indexed by lanes_waiting where waits_for = ? limit 1',
  bucketsWithin: `select bucket from (
    select bucket from (select distinct bucket from limit_slots where bucket >= ?1 and bucket < ?2 order by bucket limit ?3)
    union
    select bucket from (select distinct bucket from lane_buckets where bucket >= ?1 and bucket < ?2 order by bucket limit ?3)
  ) order by bucket limit ?3`,
  blockedWithin: `select distinct waits_for from lanes indexed by lanes_waiting
    where waits_for >= ? and waits_for < ? order by waits_for limit ?`,
  round: 'select turn from rounds where priority = ?',
  putRound: `insert into rounds (priority, turn) values (?, ?) on conflict (priority) do update set turn = excluded.turn`,
  turn: 'select turn from turns where priority = ? and flow = ?',
  putTurn: `insert into turns (priority, flow, turn) values (?, ?, ?) on conflict (priority, flow) do update set turn = excluded.turn`,
  dropPassedTurns: `delete from turns where (priority, flow) in (
    select t.priority, t.flow from rounds r join turns t indexed by turns_passed on t.priority = r.priority and t.turn <= r.turn limit ?)`,
  saveOperation: `insert into operations (id, node, body) values (?, ?, ?)
    on conflict (id) do update set body = excluded.body returning cancel`,
  forgetOperations: `delete from operations where number <= (select max(number) from operations) - ?`,
  operation: 'select body from operations where id = ?',
  cancelOperation: 'update operations set cancel = 1 where id = ? and cancel = 0',
  addEntry: `insert into audit (${auditNames}) values (${marks(auditColumns.length + 2)})`,
  addToEntry: 'update audit set tasks = tasks + ? where at = ? and target_id = ?',
  auditAll: audited('where'),
  auditOfTask: auditedBy('task_id', 'audit_tasks'),
  auditOfAction: audited(`indexed by audit_action where action <> 'task.submit' and action = ? and`),
  auditOfCaller: auditedBy('caller', 'audit_callers'),
  oldEntries: 'select at, number from audit where at < ? order by at desc, number desc limit 1',
  entryOfOldest: 'select at, number from audit where at < ? order by at, number limit 1 offset ?',
  entriesAfter: `select ${auditNames} from audit where (at, number) > (?, ?) order by at, number limit ?`,
  lastEntry: 'select at, number from audit order by at desc, number desc limit 1',
  entryIndexed: 'select at from audit_indexed',
  indexTasks: indexing('task_id', 'audit_tasks'),
  indexCallers: indexing('caller', 'audit_callers'),
  indexed: `insert or replace into audit_indexed (one, at, number)
    select 1, at, number from audit where (at, number) > (select at, number from audit_indexed)
    order by at desc, number desc limit 1`,
  indexTask: 'insert or ignore into audit_tasks (task_id, at, number) values (?, ?, ?)',
  indexCaller: 'insert or ignore into audit_callers (caller, at, number) values (?, ?, ?)',
  unindexTasks: unindexing('task_id', 'audit_tasks'),
  unindexCallers: unindexing('caller', 'audit_callers'),
  dropEntries: 'delete from audit where (at, number) <= (?, ?)',
  webhooks: 'select body from webhooks order by number',
  putWebhook: `insert into webhooks (id, body) values (?, ?) on conflict (id) do update set body = excluded.body`,
  removeWebhook: 'delete from webhooks where id = ?',
  addDelivery: `insert into deliveries (number, webhook_id, lane, url, event, task_id, version, data, created_at, next_at)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  addEvents: 'insert into outbox (number, deliveries, at, body) values (?, ?, ?, ?)',
  hasEvents: 'select exists (select 1 from outbox)',
  eventsAfter: 'select number, deliveries, body from outbox where number > ? order by number limit 1',
  dropEvents: 'delete from outbox where number = ?',
  dropOldEvents: `delete from outbox where number in (
    select number from (select number, at from outbox order by number limit ?2) where at < ?1) returning deliveries`,
  oldestEvent: 'select (select at from outbox order by number limit 1)',
  countEvents:
    'select coalesce(sum(deliveries), 0) from (select deliveries from outbox order by number limit ?)',
  delivery: `select ${deliveryColumns} from deliveries where number = ?`,
  nextLane: `select lane, next_at from deliveries indexed by deliveries_due
    where status = 'pending' and lane > ? order by lane, next_at limit 1`,
  dueInLane: `select ${deliveryColumns} from deliveries indexed by deliveries_due
    where status = 'pending' and lane = ? and next_at <= ? order by next_at, number limit ?`,
  firstOfTask: `select number, next_at from deliveries indexed by deliveries_in_order
    where status = 'pending' and task_id is not null and lane = ? and task_id = ? order by version limit 1`,
  reserve: 'update deliveries set claim = claim + 1, next_at = ? where number = ?',
  postpone: 'update deliveries set next_at = ? where number = ?',
  settleDelivery: `update deliveries set claim = claim + 1, status = ?, attempts = ?, next_at = ?, history = ? where number = ?`,
  wakeNext: `update deliveries set next_at = ? where number = (
    select number from deliveries indexed by deliveries_in_order
    where status = 'pending' and task_id is not null and lane = ? and task_id = ? order by version limit 1) and next_at > ?`,
  deliveriesBefore: `select ${deliveryColumns} from deliveries indexed by deliveries_listed
    where webhook_id = ? and number < ? order by number desc limit ?`,
  deliveriesWith: `select ${deliveryColumns} from deliveries where webhook_id = ? and status = ? and number < ? order by number desc limit ?`,
  redeliverOne: `update deliveries set status = 'pending', attempts = 0, next_at = ?
    where number = ? and webhook_id = ? and status <> 'pending'`,
  redeliverDead: `update deliveries set status = 'pending', attempts = 0, next_at = ? where number in (
    select number from deliveries indexed by deliveries_dead
    where status = 'dead' and webhook_id = ? and created_at >= ? and created_at < ? order by number limit ?)`,
  countPending: `select count(*) from (select 1 from deliveries indexed by deliveries_due
    where status = 'pending' and lane >= ? and lane < ? limit ?)`,
  countAllPending: `select count(*) from (select 1 from deliveries indexed by deliveries_due where status = 'pending' limit ?)`,
  countDead: `select count(*) from (select 1 from deliveries indexed by deliveries_dead
    where status = 'dead' and webhook_id = ? limit ?)`,
  oldestDelivery: 'select (select created_at from deliveries order by number limit 1)',
  dropOldDeliveries: `delete from deliveries where number in (
    select number from (select number, created_at from deliveries order by number limit ?2) where created_at < ?1)`,
  nextWebhookWithDeliveries: `select (select webhook_id from deliveries indexed by deliveries_listed
    where webhook_id > ? order by webhook_id limit 1)`,
  dropDeliveriesOf: `delete from deliveries where number in (
    select number from deliveries indexed by deliveries_listed where webhook_id = ? limit ?)`,
  lastDelivery: 'select coalesce(max(number), 0) from deliveries',
  deliveriesAfter: `select ${deliveryColumns} from deliveries where number > ? order by number limit ?`,
  putDelivery: `insert or replace into deliveries (${deliveryColumns}) values (${marks(deliveryNames.length)})`,
  dropFencedOff: `delete from fenced_off where node not in (select id from nodes where ended_at is null)`,
} as const

export type Statements = Readonly<Record<keyof typeof sql, StatementSync>>

/** Rows as arrays: half the cost of objects. */
export function prepareAll(db: DatabaseSync): Statements {
  const entries = Object.entries(sql).map(([name, text]) => {
    const statement = db.prepare(text)
    statement.setReturnArrays(true)
    return [name, statement] as const
  })
  return Object.fromEntries(entries) as Statements
}
