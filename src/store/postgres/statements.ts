import { joinPolicies, parentPolicies } from '../../core/dependency.ts'
import { failurePolicies } from '../../core/task.ts'
import { urgentPriority } from '../../core/preemption.ts'
import { suspectFrom } from '../../core/task.ts'
import { auditColumns } from '../auditing.ts'
import { callbacksId } from '../../core/webhook.ts'
import { deliveryNames } from '../delivery-rows.ts'
import { quoted } from './migrations.ts'
import { arraysOf, shaped, valueOf, type Part } from './column-batching.ts'
import { selectedColumns } from './rows.ts'
import { waitStatements } from './wait-statements.ts'
import { stepStatements } from './step-statements.ts'

/** Unix milliseconds, by the clock of the database. */
const time = 'floor(extract(epoch from clock_timestamp()) * 1000)::bigint'

/** A time given by the caller, or the time of the database. */
const timeOr = (mark: string) => `coalesce(${mark}::bigint, ${time})`

/** The same, evaluated once per statement: only then can an index be searched with it. */
const onceOr = (mark: string) => `(select ${timeOr(mark)})`

const edge = (policies: readonly string[]) =>
  `e.on_failure in (${policies.map((policy) => `'${policy}'`).join(', ')})`
/** An edge `e` from a parent to its child. */
const ofParent = edge(parentPolicies)
/** An edge `e` from a child to its parent, whose handler waits for it. */
const ofJoin = edge(joinPolicies)
/** An edge `e` to a task that has not started, and waits to. */
const holdsBack = edge(failurePolicies)

/** The first columns of a move: id, status and version of the row before. */
const guards = 3

/**
 * All statements of the store. The conditions of a move match no index for the planner, so it can only use the id; `1 / 0`
 * aborts the transaction if a row is not as expected.
 */
export function statementsFor(schema: string) {
  const s = quoted(schema)
  const task = selectedColumns('t')
  const parameters = `(select body from ${s}.parameters d where d.row_id = t.row_id)`
  const upTo = `(select case when octet_length(body) <= $6::bigint then body end from ${s}.parameters d where d.row_id = t.row_id)`
  const size = `(select octet_length(body) from ${s}.parameters d where d.row_id = t.row_id)`
  const page = candidatesOf(s, `${task}, ${upTo}, ${size}`)
  const unstarted = countsOf(
    s,
    `where type = any($1::text[]) and status in ('waiting', 'scheduled', 'queued')`,
  )
  return {
    failedBefore: `select ${task} from ${s}.tasks t
      where t.status = 'failed' and (t.completed_at, t.row_id) < ($1::bigint, $2::bigint) and t.completed_at >= $3::bigint
      order by t.completed_at desc, t.row_id desc limit $4::int`,
    endedNewest: `select ${task} from ${s}.tasks t
      where t.completed_at is not null and (t.completed_at, t.row_id) < ($1::bigint, $2::bigint) and t.completed_at >= $3::bigint
      order by t.completed_at desc, t.row_id desc limit $4::int`,
    endedOldest: `select ${task} from ${s}.tasks t
      where t.completed_at is not null and (t.completed_at, t.row_id) > ($1::bigint, $2::bigint) and t.completed_at < $3::bigint
      order by t.completed_at, t.row_id limit $4::int`,
    /** Fails outside a transaction and without the tables; blocks nobody. */
    mustBeWithin: `lock table ${s}.migrations in access share mode`,
    now: `select ${time}, ${webhooksVersion(s)}`,
    /** Positions are returned as first and last, unless other nodes took some in between. */
    moment: `select ${time}, min(p), max(p), case when max(p) - min(p) >= count(*) then string_agg(p::text, ',') end, ${webhooksVersion(s)}
      from (select nextval('${s.replaceAll("'", "''")}.places') as p from generate_series(1, $1::int)) as taken`,

    /** Only a commit that flushes, and waits for a synchronous standby: for all earlier commits too. */
    barrier: `select pg_logical_emit_message(true, 'fermata', '')`,
    leaveMark: `with gone as (delete from ${s}.commits where mark = any($2::uuid[]))
      insert into ${s}.commits (mark) values ($1::uuid)`,
    /**
     * Waits until the transaction that leaves this mark has ended. If there is none, it can no longer commit: the mark is
     * taken. Committing this also ensures that what it found is as safe as our own commit.
     */
    seekMark: `insert into ${s}.commits as c (mark, sought) values ($1::uuid, true)
      on conflict (mark) do update set sought = c.sought returning sought`,
    forgetMarks: `delete from ${s}.commits where at < now() - interval '1 day'`,

    insertTasks: shaped(
      (parts) => `insert into ${s}.tasks (${parts.map(({ name }) => name).join(', ')})
      select ${parts.map((_, index) => valueOf(parts, index)).join(', ')} from ${arraysOf(parts)}`,
    ),
    /** What a submit writes to, with the same locks. */
    probe: `lock table ${s}.tasks, ${s}.parameters, ${s}.tags in row exclusive mode`,
    insertParameters: `insert into ${s}.parameters (row_id, body) select * from unnest($1::bigint[], $2::text[])`,
    setParameters: `update ${s}.parameters d set body = u.body from unnest($1::bigint[], $2::text[]) as u(row_id, body)
      where d.row_id = u.row_id`,
    insertTags: `insert into ${s}.tags (tag, created_at, row_id, id)
      select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[])`,
    tasksByKey: `select ${task} from ${s}.tasks t where t.idempotency_key = any($1::text[])`,

    /** Who has these unique keys, since when and for how long; `lockHolders` for tasks that may be replaced. */
    keyHolders: `select ${task}, k.taken_at, k.lasts
      from unnest($1::text[], $2::text[]) as w(type, key)
      join ${s}.unique_keys k on k.type = w.type and k.key = w.key
      join ${s}.tasks t on t.id = k.task_id`,
    lockHolders: `select ${task}, k.taken_at, k.lasts
      from unnest($1::text[], $2::text[]) as w(type, key)
      join ${s}.unique_keys k on k.type = w.type and k.key = w.key
      join ${s}.tasks t on t.id = k.task_id order by t.id for update of t`,
    /** Aborts the transaction if another one takes such a key at the same moment. */
    takeKeys: `insert into ${s}.unique_keys (type, key, task_id, taken_at, lasts)
      select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])`,
    freeKeys: `delete from ${s}.unique_keys k using unnest($1::text[], $2::text[], $3::text[]) as u(type, key, task_id)
      where k.type = u.type and k.key = u.key and k.task_id = u.task_id`,
    lockTasks: `select ${task} from ${s}.tasks t where t.id = any($1::text[]) order by t.id for update`,
    /** Those that nobody else has locked; which of the others exist is only checked if some are missing. */
    lockFreeTasks: `select ${task} from ${s}.tasks t where t.id = any($1::text[]) order by t.id for update skip locked`,
    existing: `select id from ${s}.tasks where id = any($1::text[])`,
    moveTasks: shaped((parts) => move(s, parts)),
    timelines: `select id, timeline from ${s}.tasks where id = any($1::text[])`,
    setTimelines: `update ${s}.tasks t set timeline = u.timeline from unnest($1::text[], $2::text[]) as u(id, timeline)
      where t.id = u.id`,

    putCheckpoints: `insert into ${s}.checkpoints as c (row_id, body) select * from unnest($1::bigint[], $2::text[])
      on conflict (row_id) do update set body = excluded.body`,
    dropCheckpoints: `delete from ${s}.checkpoints where row_id = any($1::bigint[])`,
    putResults: `insert into ${s}.results (row_id, body) select * from unnest($1::bigint[], $2::text[])`,
    dropResults: `delete from ${s}.results where row_id = any($1::bigint[])`,
    /** The tasks are locked, so nobody else numbers their lines. */
    appendLog: `insert into ${s}.log (row_id, number, at, attempt, line)
      select u.row_id, u.place + coalesce((select max(l.number) from ${s}.log l where l.row_id = u.row_id), 0), u.at, u.attempt, u.line
      from unnest($1::bigint[], $2::int[], $3::bigint[], $4::int[], $5::text[]) as u(row_id, place, at, attempt, line)`,
    trimLog: `delete from ${s}.log l using (
        select u.row_id, (select max(m.number) from ${s}.log m where m.row_id = u.row_id) as last from unnest($1::bigint[]) as u(row_id)
      ) as t where l.row_id = t.row_id and l.number <= t.last - $2::int`,
    dropLog: `delete from ${s}.log where row_id = any($1::bigint[])`,
    log: `select l.number, l.at, l.attempt, l.line from ${s}.tasks t join ${s}.log l on l.row_id = t.row_id
      where t.id = $1 and l.number > $2::int order by l.number limit $3::int`,
    ...stepStatements(s),
    ...waitStatements(s),
    dropParameters: `delete from ${s}.parameters where row_id = any($1::bigint[])`,
    dropTags: `delete from ${s}.tags t using unnest($1::text[], $2::bigint[], $3::bigint[]) as u(tag, created_at, row_id)
      where t.tag = u.tag and t.created_at = u.created_at and t.row_id = u.row_id`,
    deleteTasks: `delete from ${s}.tasks where id = any($1::text[])`,

    /** A child that its parent asks for again is linked already, or anew. */
    insertEdges: `insert into ${s}.edges (predecessor, successor, on_failure)
      select * from unnest($1::text[], $2::text[], $3::text[]) on conflict do nothing`,
    awaitTasks: `update ${s}.tasks set awaited = true where id = any($1::text[]) and not awaited`,
    told: `update ${s}.tasks set awaited = false where id = any($1::text[])`,
    dropEdges: `delete from ${s}.edges e using unnest($1::text[], $2::text[]) as u(predecessor, successor)
      where e.predecessor = u.predecessor and e.successor = u.successor`,
    anyEdges: `select exists (select 1 from ${s}.edges)`,
    /** Awaited tasks that have ended, and those that wait for them: \`$1\` rows. */
    ended: `select p.id, e.successor from (
        select id, completed_at, row_id from ${s}.tasks where awaited and completed_at is not null
        order by completed_at, row_id limit $1::int
      ) as p left join lateral (
        select e.successor from ${s}.edges e where e.predecessor = p.id order by e.successor limit $1::int
      ) as e on true order by p.completed_at, p.row_id, e.successor limit $1::int`,
    /** Of each of these tasks, one more than \`$2\` to show that there are others. */
    successors: `select e.predecessor, e.successor, e.on_failure from unnest($1::text[]) as p(id) cross join lateral (
        select * from ${s}.edges e where e.predecessor = p.id order by e.successor limit $2::int + 1
      ) as e`,
    /** Without those of joins. */
    edgesTo: `select successor, predecessor, on_failure from ${s}.edges e
      where e.successor = any($1::text[]) and not ${ofJoin} order by successor, predecessor`,
    predecessors: `select ${task} from ${s}.edges e join ${s}.tasks t on t.id = e.predecessor
      where e.successor = $1 and ${holdsBack} order by e.predecessor limit $2::int`,
    waitingFor: `select ${task} from ${s}.edges e join ${s}.tasks t on t.id = e.successor
      where e.predecessor = $1 and ${holdsBack} order by e.successor limit $2::int`,
    /** Those of the tasks \`$1\` whose handlers wait for other children than \`$2\`. */
    joinsMore: `select u.id from unnest($1::text[]) as u(id) where exists (
        select 1 from ${s}.edges e where e.successor = u.id and ${ofJoin} and e.predecessor <> all($2::text[]))`,
    dropJoins: `delete from ${s}.edges e where e.successor = any($1::text[]) and ${ofJoin}`,
    countJoined: `select count(*)::int from ${s}.edges e where e.successor = $1 and ${ofJoin}`,
    joined: `select ${task} from ${s}.edges e join ${s}.tasks t on t.id = e.predecessor
      where e.successor = $1 and ${ofJoin} order by e.predecessor limit $2::int`,
    /** The first of these children, until their results have \`$3\` bytes. */
    outcomes: `select ${task.replaceAll('t.', 'q.')}, body from (
        select t.*, d.body, u.place,
          coalesce(sum(octet_length(d.body)) over (order by u.place rows between unbounded preceding and 1 preceding), 0) as size
        from unnest($1::text[]) with ordinality as u(id, place) join ${s}.tasks t on t.id = u.id
          left join ${s}.results d on d.row_id = t.row_id
        where t.parent_id = $2
      ) as q where size < $3::bigint order by place`,
    parentLinks: `select distinct successor from ${s}.edges e where e.successor = any($1::text[]) and ${ofParent}`,
    children: `select status, count(*)::int from ${s}.tasks where parent_id = $1 group by status`,
    childrenUpTo: `select p.id, (select count(*)::int from (
        select 1 from ${s}.tasks t where t.parent_id = p.id limit $2::int) as c) from unnest($1::text[]) as p(id)`,
    forgetChildren: `update ${s}.tasks set idempotency_key = null
      where parent_id = any($1::text[]) and idempotency_key is not null`,

    fencedOff: `select task_id, fence, node, type from ${s}.fenced_off where task_id = any($1::text[])`,
    fenceOff: `insert into ${s}.fenced_off (task_id, fence, node, type)
      select * from unnest($1::text[], $2::int[], $3::text[], $4::text[])`,
    releaseSlots: `delete from ${s}.fenced_off f using unnest($1::text[], $2::int[]) as u(task_id, fence)
      where f.task_id = u.task_id and f.fence = u.fence`,

    addTypes: `insert into ${s}.types (name) select * from unnest($1::text[]) on conflict do nothing`,
    lockTypes: `select 1 from ${s}.types where name = any($1::text[]) order by name for update`,
    /**
     * Keeps the reaper from declaring the node dead before this transaction ends. True if a lane of the types (`$3`) may have
     * something to claim, or notes from number `$4` on are to be read.
     */
    lockNode: `select exists (select 1 from ${s}.lane_notes where number >= $4::bigint)
        or exists (select 1 from ${s}.lanes l where l.type = any($3::text[]) and l.waits_for is null)
        or exists (select 1 from ${s}.rates r where r.wakes_at is not null and r.wakes_at <= ${onceOr('$2')})
        or exists (select 1 from ${s}.lanes l where l.rises_at is not null and l.rises_at <= ${onceOr('$2')})
      from ${s}.nodes where id = $1 and ended_at is null and lease_until >= ${timeOr('$2')} for share`,
    /** Shared by claims; a hold waits for those in progress, and those behind it see the hold. */
    joinClaims: 'select pg_advisory_xact_lock_shared(hashtextextended($1, 2))',
    holdClaims: 'select pg_advisory_xact_lock(hashtextextended($1, 2))',
    /**
     * `$4`, `$5`: where to start in the queue of each type. What is before it is only read in higher priorities. The rows
     * are found by their keys alone and read in place once they are locked: this halves the planning time.
     */
    claim: `with picked as materialized (
        select h.place, h.priority, h.queue_position
        from unnest($1::text[], $2::int[], $4::int[], $5::bigint[]) as w(type, concurrency, priority, queue_position)
        cross join lateral (${roomOfType(s)}) as room
        cross join lateral (
          select * from (${queue(s, 'w.priority is not null and q.priority > w.priority')}) as above
          union all
          select * from (${queue(s, 'q.priority = w.priority and q.queue_position >= w.queue_position')}) as beyond
          union all
          select * from (${queue(s, 'q.priority < coalesce(w.priority, 2147483647)')}) as below
          limit room.places
        ) as h
        order by h.priority desc, h.queue_position limit $3::int
      )
      select ${selectedColumns('k')}, (select body from ${s}.parameters p where p.row_id = k.row_id),
        case when k.attempt > 0 then (select body from ${s}.checkpoints c where c.row_id = k.row_id) end
      from picked p join ${s}.tasks k on k.ctid = p.place order by p.priority desc, p.queue_position`,

    /**
     * `$4`: the node. The first suspect of each type, unless the node runs one. Without suspects, this is one read of an
     * empty index.
     */
    suspects: `with picked as materialized (
        select h.place, room.places
        from (select exists (select 1 from ${s}.tasks q where ${suspected('q')}) as any offset 0) as there
        cross join unnest($1::text[], $2::int[]) as w(type, concurrency)
        cross join lateral (${roomOfType(s)}) as room
        cross join lateral (
          select q.ctid as place from ${s}.tasks q where q.type = w.type and ${suspected('q')} and ${unexpired('q', '$5')}
          order by q.priority desc, q.queue_position limit least(1, room.places) for update skip locked
        ) as h
        where case when there.any then not exists (select 1 from ${s}.tasks r where r.owner_node = $4
          and r.crashes >= ${suspectFrom} and r.status in ('running', 'pausing', 'cancelling')) else false end
      )
      select ${selectedColumns('k')}, (select body from ${s}.parameters p where p.row_id = k.row_id),
        case when k.attempt > 0 then (select body from ${s}.checkpoints c where c.row_id = k.row_id) end, p.places
      from picked p join ${s}.tasks k on k.ctid = p.place`,

    /** Held by one claim at a time while it takes from lanes: all of lanes, turns and rates is its own. */
    lockLanes: 'select pg_advisory_xact_lock(hashtextextended($1, 4))',
    /** `$2`: nothing is before this number. */
    laneNotes: `delete from ${s}.lane_notes where number in (
        select number from ${s}.lane_notes where number >= $2::bigint order by number limit $1::int
      ) returning number, lane, bucket`,
    risingLanes: `select id from ${s}.lanes where rises_at is not null and rises_at <= $1::bigint limit $2::int`,
    dueRates: `update ${s}.rates r set wakes_at = null from (
        select bucket, node from ${s}.rates where wakes_at is not null and wakes_at <= $1::bigint limit $2::int
      ) as due where r.bucket = due.bucket and r.node = due.node returning r.bucket`,
    dropPassedTurns: `delete from ${s}.turns where (priority, flow) in (
        select t.priority, t.flow from ${s}.rounds r cross join lateral (
          select t.priority, t.flow from ${s}.turns t where t.priority = r.priority and t.turn <= r.turn
          order by t.turn limit $1::int
        ) as t limit $1::int)`,
    findLanes: `select w.id, l.lane, l.priority, l.rises_at, l.position, l.turn, l.waits_for,
        q.type, q.priority, q.crashes, q.admission, q.queue_position, q.status_since
      from unnest($1::text[]) as w(id) left join ${s}.lanes l on l.id = w.id
      left join lateral (
        select q.* from ${s}.tasks q where q.lane = w.id and q.lane is not null order by q.queue_position limit 1
      ) as q on true`,
    /** `$4`: at most so many of each kind; `$5`: not these; `$6`: the node. */
    readyLanes: `select l.id, l.lane, l.priority, l.rises_at, l.position, l.turn, l.waits_for, room.places
      from unnest($1::text[], $2::int[]) as w(type, concurrency)
      cross join lateral (${roomOfType(s)}) as room
      cross join (values (false, false), (false, true), (true, false), (true, true)) as kind(suspect, keyed)
      cross join lateral (
        select l.* from ${s}.lanes l
        where l.type = w.type and l.suspect = kind.suspect and l.keyed = kind.keyed and l.waits_for is null
          and room.places > 0 and l.id <> all($5::text[])
        order by l.priority desc, l.turn, l.position limit $4::int
      ) as l
      where not l.suspect or not exists (select 1 from ${s}.tasks r where r.owner_node = $6
        and r.crashes >= ${suspectFrom} and r.status in ('running', 'pausing', 'cancelling'))`,
    headsInLanes: `select w.id, q.ctid::text, q.queue_position, q.status_since from unnest($1::text[], $2::int[]) as w(id, count)
      cross join lateral (
        select q.ctid, q.queue_position, q.status_since from ${s}.tasks q where q.lane = w.id and q.lane is not null and ${unexpired('q', '$3')}
        order by q.queue_position limit w.count for update skip locked
      ) as q`,
    waitingLanes: `with recursive kinds as (
        select w.bucket, w.places, k.* from unnest($1::text[], $2::int[]) as w(bucket, places)
          cross join lateral (
            select l.type, l.suspect, l.keyed from ${s}.lanes l where l.waits_for = w.bucket
            order by l.type, l.suspect, l.keyed limit 1
          ) as k
        union all
        select p.bucket, p.places, k.* from kinds p cross join lateral (
          select l.type, l.suspect, l.keyed from ${s}.lanes l
          where l.waits_for = p.bucket and (l.type, l.suspect, l.keyed) > (p.type, p.suspect, p.keyed)
          order by l.type, l.suspect, l.keyed limit 1
        ) as k
      )
      select l.id, l.lane, l.priority, l.rises_at, l.position, l.turn, l.waits_for from kinds k cross join lateral (
        select l.* from ${s}.lanes l
        where l.waits_for = k.bucket and l.type = k.type and l.suspect = k.suspect and l.keyed = k.keyed
        order by l.priority desc, l.turn, l.position limit k.places
      ) as l`,
    /** `$3`: the node. */
    buckets: `with known as materialized (select * from ${s}.limits where name = any($2::text[]))
      select w.bucket, l.concurrency, l.rate, l.per, l.scope,
        (select count(*) from ${s}.limit_slots h where h.bucket = w.bucket and (l.scope = 'global' or h.node = $3)),
        (select r.earliest from ${s}.rates r
          where l.rate is not null and r.bucket = w.bucket and r.node = case l.scope when 'node' then $3 else '' end)
      from unnest($1::text[], $2::text[]) as w(bucket, name) join known l on l.name = w.name`,
    turnsOf: `select t.priority, t.flow, t.turn from unnest($1::int[]) as p(priority)
      cross join unnest($2::text[]) as f(flow) join ${s}.turns t on t.priority = p.priority and t.flow = f.flow`,
    roundsOf: `select r.priority, r.turn from ${s}.rounds r where r.priority = any($1::int[])`,
    wakesAt: `select wakes_at from ${s}.rates where wakes_at is not null order by wakes_at limit 1`,
    putLanes: `insert into ${s}.lanes as l (id, lane, priority, rises_at, position, turn, waits_for, type, suspect, keyed)
      select * from unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::text[],
        $9::boolean[], $10::boolean[])
      on conflict (id) do update set priority = excluded.priority, rises_at = excluded.rises_at,
        position = excluded.position, turn = excluded.turn, waits_for = excluded.waits_for`,
    dropLanes: `delete from ${s}.lanes where id = any($1::text[])`,
    putLaneBuckets: `insert into ${s}.lane_buckets (bucket, lane) select * from unnest($1::text[], $2::text[]) on conflict do nothing`,
    dropLaneBuckets: `delete from ${s}.lane_buckets b using unnest($1::text[], $2::text[]) as u(bucket, lane)
      where b.bucket = u.bucket and b.lane = u.lane`,
    putRates: `insert into ${s}.rates as r (bucket, node, earliest, wakes_at)
      select * from unnest($1::text[], $2::text[], $3::float8[], $4::bigint[])
      on conflict (bucket, node) do update set earliest = excluded.earliest,
        wakes_at = coalesce(excluded.wakes_at, r.wakes_at)`,
    putTurns: `insert into ${s}.turns as t (priority, flow, turn) select * from unnest($1::int[], $2::text[], $3::bigint[])
      on conflict (priority, flow) do update set turn = excluded.turn`,
    putRounds: `insert into ${s}.rounds as r (priority, turn) select * from unnest($1::int[], $2::bigint[])
      on conflict (priority) do update set turn = excluded.turn`,
    putFigures: `insert into ${s}.figures (step, writer, type, body)
      select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[])
      on conflict (type, step, writer) do update set body = excluded.body`,
    /** Several nodes may do it at the same time. */
    forgetFigures: `delete from ${s}.figures where ctid = any(array(
        select ctid from ${s}.figures where step < $1::bigint limit $2::int for update skip locked))`,
    figuresSince: `select step, writer, type, body from ${s}.figures where type = $1 and step >= $2::bigint`,
    figures: `select step, writer, type, body from ${s}.figures`,
    noteLanes: `insert into ${s}.lane_notes (lane) select * from unnest($1::text[])`,
    noteBuckets: `insert into ${s}.lane_notes (bucket) select * from unnest($1::text[])`,
    noteWaiting: `insert into ${s}.lane_notes (bucket) select distinct waits_for from ${s}.lanes
      where waits_for >= $1 and waits_for < $2`,
    takeSlots: `insert into ${s}.limit_slots (bucket, task_id, fence, node)
      select * from unnest($1::text[], $2::text[], $3::int[], $4::text[])`,
    freeSlots: `with freed as (
        delete from ${s}.limit_slots h using unnest($1::text[], $2::int[]) as u(task_id, fence)
        where h.task_id = u.task_id and h.fence = u.fence returning h.bucket
      ) insert into ${s}.lane_notes (bucket) select distinct bucket from freed`,
    freeDeadSlots: `with freed as (
        delete from ${s}.limit_slots h where h.fence > 0
          and not exists (select 1 from ${s}.nodes b where b.id = h.node and b.ended_at is null) returning h.bucket
      ) insert into ${s}.lane_notes (bucket) select distinct bucket from freed`,
    fenceSlots: `update ${s}.limit_slots h set fence = u.fence from unnest($1::text[], $2::int[]) as u(task_id, fence)
      where h.task_id = u.task_id and h.fence = 0`,
    claimedTasks: `with taken as materialized (
        select k.*, w.number from unnest($1::text[]) with ordinality as w(place, number) join ${s}.tasks k on k.ctid = w.place::tid
      ), bodies as materialized (
        select p.row_id, p.body from ${s}.parameters p where p.row_id = any(array(select row_id from taken))
      )
      select ${selectedColumns('k')}, p.body,
        case when k.attempt > 0 then (select body from ${s}.checkpoints c where c.row_id = k.row_id) end
      from taken k left join bodies p on p.row_id = k.row_id order by k.number`,
    limits: `select name, concurrency, rate, per, scope, origin, max_queued from ${s}.limits order by name`,
    limitsNamed: `select name, concurrency, rate, per, scope, origin, max_queued from ${s}.limits where name = any($1::text[])`,
    putLimits: `insert into ${s}.limits as l (name, concurrency, rate, per, scope, origin, max_queued)
      select * from unnest($1::text[], $2::int[], $3::int[], $4::bigint[], $5::text[], $6::text[], $7::int[])
      on conflict (name) do update set concurrency = excluded.concurrency, rate = excluded.rate, per = excluded.per,
        scope = excluded.scope, origin = excluded.origin, max_queued = excluded.max_queued`,
    enterQueues: `insert into ${s}.limit_queue (bucket, task_id) select * from unnest($1::text[], $2::text[]) on conflict do nothing`,
    leaveQueues: `delete from ${s}.limit_queue q using unnest($1::text[], $2::text[]) as u(bucket, task_id)
      where q.bucket = u.bucket and q.task_id = u.task_id`,
    /**
     * Held until the commit by submits that count what waits: of types with a maximum (`$2`), and of buckets (`$3`) of limits (`$4`) that
     * have one. Few locks of each limit, however many buckets it has.
     */
    lockBounds: `select pg_advisory_xact_lock(hashtextextended($1 || name, 5)) from (
        select distinct name from (
          select 't ' || t.type as name from unnest($2::text[]) as t(type)
          union all
          select 'l ' || w.name || ' ' || (hashtext(w.bucket) & 7) from unnest($3::text[], $4::text[]) as w(bucket, name)
            join ${s}.limits l on l.name = w.name where l.max_queued is not null
        ) as names order by name offset 0
      ) as sorted`,
    unstarted: `select type, sum(tasks)::bigint from (${unstarted}) as c(type, status, tasks) group by type`,
    /** The same without those that sleep, which have started. */
    queuing: `select c.type, sum(c.tasks)::bigint - (select count(*) from ${s}.tasks t
        where t.status = 'waiting' and t.missing = 0 and t.type = c.type)
      from (${unstarted}) as c(type, status, tasks) group by c.type`,
    /** Of buckets (`$1`) of limits (`$2`) that have a maximum: that, and how many tasks wait, up to it. */
    queuedFor: `select w.bucket, l.max_queued, (select count(*) from (
          select 1 from ${s}.limit_queue q where q.bucket = w.bucket limit l.max_queued
        ) as q)
      from unnest($1::text[], $2::text[]) as w(bucket, name) join ${s}.limits l on l.name = w.name
      where l.max_queued is not null`,
    removeLimit: `delete from ${s}.limits where name = $1 returning 1`,
    limitUses: `select l.name, l.concurrency, l.rate, l.per, l.scope, l.origin, l.max_queued,
        (select count(*) from ${s}.limit_slots h where h.bucket >= l.name || '/' and h.bucket < l.name || '0'),
        (select count(*) from (${distinctBuckets(s, "l.name || '/'", "l.name || '0'", '$1::int')}) as b),
        (select count(*) from (${blockedBuckets(s, "l.name || '/'", "l.name || '0'", '$1::int')}) as b)
      from ${s}.limits l order by l.name`,
    bucketsWithin: distinctBuckets(s, '$1', '$2', '$3::int'),
    blockedWithin: blockedBuckets(s, '$1', '$2', '$3::int'),
    /** `$3`: count queued tasks before this position, at most `$4`; `$5`: name at most so many holders. */
    bucketUses: `select w.bucket, l.concurrency, l.rate, l.per, l.scope,
        (select count(*) from ${s}.limit_slots h where h.bucket = w.bucket),
        (select r.earliest from ${s}.rates r where r.bucket = w.bucket and r.node = ''),
        (select count(*) from (
          select 1 from ${s}.lane_buckets b join ${s}.tasks q on q.lane = b.lane and q.lane is not null
          where b.bucket = w.bucket and q.queue_position < $3::bigint limit $4::int
        ) as q),
        array_to_json(array(select distinct h.task_id from ${s}.limit_slots h where h.bucket = w.bucket
          order by h.task_id limit $5::int))::text
      from unnest($1::text[], $2::text[]) with ordinality as w(bucket, name, number)
      left join ${s}.limits l on l.name = w.name order by w.number`,

    due: `select ${task} from ${s}.tasks t where t.status = 'scheduled' and t.run_at <= ${onceOr('$1')}
      order by t.run_at, t.row_id limit $2::int for update skip locked`,
    asleepUntil: `select ${task} from ${s}.tasks t
      where t.status = 'waiting' and t.missing = 0 and t.run_at <= ${onceOr('$1')}
      order by t.run_at, t.row_id limit $2::int for update skip locked`,
    /** Held by one look at a time, so that no two choose for the same urgent task. */
    lockPreemptions: 'select pg_advisory_xact_lock(hashtextextended($1, 6))',
    anyUrgent: `select exists (select 1 from unnest($1::text[]) as w(type) cross join lateral (
        select 1 from ${s}.tasks q where q.type = w.type and ${unsuspected('q')} and q.priority >= ${urgentPriority} limit 1
      ) as q) or exists (select 1 from unnest($1::text[]) as w(type) cross join lateral (
        select 1 from ${s}.tasks q where q.type = w.type and ${laned('q')} and q.priority >= ${urgentPriority} limit 1
      ) as q)`,
    /**
     * Of each type (`$1`) with room under its concurrency (`$2`, at most `$3`), at this time (`$4`): so many (`$6`) of the plain queue, and of
     * lanes without these (`$5`). Lanes are left out that wait for a bucket, unless a claim that nobody makes now would put them back.
     */
    urgent: `select ${task}, t.lane, room.places from unnest($1::text[], $2::int[]) as w(type, concurrency)
      cross join lateral (${roomOfType(s)}) as room
      cross join lateral (
        (select q.* from ${s}.tasks q where q.type = w.type and ${unsuspected('q')} and ${unexpired('q', '$4')} and room.places > 0
          and q.priority >= ${urgentPriority} order by q.priority desc, q.queue_position limit $6::int)
        union all
        (select q.* from ${s}.tasks q left join ${s}.lanes l on l.id = q.lane where q.type = w.type and ${laned('q')} and ${unexpired('q', '$4')}
          and room.places > 0 and q.crashes < ${suspectFrom} and q.priority >= ${urgentPriority} and q.lane <> all($5::text[])
          and (l.waits_for is null or l.waits_for in (select bucket from ${s}.lane_notes where bucket is not null)
            or l.waits_for in (select bucket from ${s}.rates where wakes_at is not null and wakes_at <= ${onceOr('$4')}))
          order by q.priority desc, q.queue_position limit $6::int)
      ) as t`,
    runningOfTypes: `select ${task} from ${s}.tasks t
      where t.owner_node is not null and t.status = 'running' and t.type = any($1::text[])`,
    expired: `select ${task} from ${s}.tasks t where ${expiring('t')} and t.expires_at <= ${onceOr('$1')}
      order by t.expires_at, t.row_id limit $2::int for update skip locked`,
    expiresIn: `select greatest(0, t.expires_at - ${timeOr('$1')}) from ${s}.tasks t where ${expiring('t')}
      order by t.expires_at, t.row_id limit 1`,
    dueIn: `select greatest(0, at - ${timeOr('$1')}) from (select least(
        (select run_at from ${s}.tasks where status = 'scheduled' order by run_at, row_id limit 1),
        (select run_at from ${s}.tasks where status = 'waiting' and missing = 0 order by run_at, row_id limit 1)
      ) as at) as next where at is not null`,

    startNode: `insert into ${s}.nodes (id, slots, types, version, host, pid, started_at, renewed_at, lease_until)
      select $1, $2::int, $3, $4, $5, $6::int, at, at, at + $8::bigint from (select ${timeOr('$7')} as at) as now`,
    /** A claim may be committed before the settlement whose slot it takes: that does not use an additional slot. */
    living: `with held as (
        select owner_node as node, count(*) as slots from ${s}.tasks
        where owner_node is not null and status in ('running', 'pausing', 'cancelling') group by owner_node
      ), fenced as (select node, count(*) as slots from ${s}.fenced_off group by node)
      select b.id, b.slots, b.types, b.version, b.host, b.pid, b.started_at, b.renewed_at,
        least(b.slots, coalesce(h.slots, 0) + coalesce(f.slots, 0))
      from ${s}.nodes b left join held h on h.node = b.id left join fenced f on f.node = b.id
      where b.ended_at is null and b.worker is null and b.lease_until >= ${timeOr('$1')} order by b.started_at, b.id`,
    renew: `update ${s}.nodes set renewed_at = at, lease_until = at + $3::bigint from (select ${timeOr('$2')} as at) as now
      where id = $1 and ended_at is null and lease_until >= at returning 1`,
    /** Two registrations of one name must not replace each other's secret. */
    lockWorkers: 'select pg_advisory_xact_lock(hashtextextended($1, 4))',
    worker: `select worker from ${s}.nodes where id = $1`,
    putWorker: `insert into ${s}.nodes as b (id, slots, types, version, worker, started_at, renewed_at, lease_until)
      values ($1, 0, '[]', '', $2, $3::bigint, $3::bigint, 9223372036854775807)
      on conflict (id) do update
        set worker = excluded.worker, started_at = excluded.started_at, renewed_at = excluded.renewed_at, ended_at = null`,
    seeWorkers: `update ${s}.nodes set renewed_at = $2::bigint where id = any($1::text[]) and ended_at is null`,
    workers: `select id, worker, started_at, renewed_at from ${s}.nodes
      where worker is not null and ended_at is null order by started_at, id`,
    workerRuns: `select ${task}, ${timeOr('$1')} from ${s}.tasks t where t.owner_node is not null
      and t.status in ('running', 'pausing', 'cancelling')
      and exists (select 1 from ${s}.nodes b where b.id = t.owner_node and b.worker is not null and b.ended_at is null)`,
    forgetWorkers: `update ${s}.nodes set ended_at = at from (select ${timeOr('$1')} as at) as now
      where worker is not null and ended_at is null and renewed_at < at - $2::bigint`,
    endNode: `update ${s}.nodes set ended_at = ${timeOr('$2')} where id = $1 and ended_at is null`,
    endDeadNodes: `update ${s}.nodes set ended_at = at from (select ${timeOr('$1')} as at) as now
      where ended_at is null and lease_until < at`,
    forgetNodes: `delete from ${s}.nodes where ended_at < ${timeOr('$1')} - $2::bigint`,
    orphans: `select ${task} from ${s}.tasks t where t.owner_node is not null
      and not exists (select 1 from ${s}.nodes b where b.id = t.owner_node and b.ended_at is null)
      order by t.queue_position, t.row_id for update of t skip locked`,
    dropFencedOff: `delete from ${s}.fenced_off f
      where not exists (select 1 from ${s}.nodes b where b.id = f.node and b.ended_at is null)`,

    prunable: `select ${task} from ${s}.tasks t where t.completed_at is not null
      and not t.awaited and t.completed_at < ${onceOr('$1')} - $2::bigint
      and (t.parent_id is null or not exists (select 1 from ${s}.edges e where e.successor = t.id and ${ofParent}))
      order by t.completed_at, t.row_id limit $3::int for update skip locked`,

    keys: `select v.version, k.body, k.last_used_at
      from (select coalesce((select version from ${s}.keys_version), 0) as version) as v
      left join ${s}.keys k on v.version is distinct from $1::bigint order by k.number`,
    /** Before any change, so that versions rise in the order of the changes. */
    lockKeys: 'select pg_advisory_xact_lock(hashtextextended($1, 3))',
    raiseKeysVersion: `insert into ${s}.keys_version as v (one, version) values (1, 1)
      on conflict (one) do update set version = v.version + 1`,
    key: `select null, body, last_used_at from ${s}.keys where id = $1`,
    addKey: `insert into ${s}.keys (id, name, body) values ($1, $2, $3) on conflict (name) do nothing returning 1`,
    setKey: `update ${s}.keys set body = $2 where id = $1`,
    removeKey: `delete from ${s}.keys where id = $1 returning null, body, last_used_at`,
    useKeys: `update ${s}.keys set last_used_at = $2::bigint where id = any($1::text[])`,

    hold: `insert into ${s}.holds (type, since, by, reason) select $1, ${timeOr('$2')}, $3, $4 on conflict do nothing returning 1`,
    lift: `delete from ${s}.holds where type = $1 returning 1`,
    holds: `select type, since, by, reason from ${s}.holds`,
    addSchedule: `insert into ${s}.schedules (id, type, due_at, version, watches, definition, state)
      values ($1, $2, $3::bigint, $4::bigint, $5::boolean, $6, $7) on conflict (id) do nothing returning 1`,
    /** Those that nobody else is changing. */
    lockSchedules: `select id, version from ${s}.schedules where id = any($1::text[]) order by id for update skip locked`,
    setSchedules: `update ${s}.schedules x set due_at = u.due_at, version = u.version, watches = u.watches, state = u.state
      from unnest($1::text[], $2::bigint[], $3::bigint[], $4::boolean[], $5::text[]) as u(id, due_at, version, watches, state)
      where x.id = u.id`,
    setDefinition: `update ${s}.schedules set type = $2, definition = $3 where id = $1`,
    removeSchedule: `delete from ${s}.schedules where id = $1 returning 1`,
    schedules: `select id, definition, state from ${s}.schedules where id = any($1::text[])`,
    schedulesAfter: `select id, definition, state from ${s}.schedules where id > $1 order by id limit $2::int`,
    scheduleIds: `select id from ${s}.schedules where id > $1 order by id limit $2::int`,
    watching: `select id from ${s}.schedules where id = any($1::text[]) and watches`,
    dueSchedules: `select id from ${s}.schedules where due_at is not null and due_at <= ${onceOr('$1')} and type = any($2::text[])
      order by due_at limit $3::int`,
    nextSchedule: `select greatest(1, due_at - ${timeOr('$1')}) from ${s}.schedules
      where due_at is not null and due_at > ${onceOr('$1')} and type = any($2::text[]) order by due_at limit 1`,
    scheduleLag: `select greatest(0, ${timeOr('$1')} - min(due_at)) from ${s}.schedules where due_at is not null`,
    unfinishedOf: `select w.id, k.id, k.requested_control from unnest($1::text[]) as w(id) cross join lateral (
        select t.id, t.requested_control from ${s}.tasks t
        where t.schedule_id = w.id and t.completed_at is null order by t.row_id limit $2::int
      ) as k`,
    tickRows: `select t.schedule_id, t.tick_at, t.task_id is not null, t.waits is not null
      from unnest($1::text[], $2::bigint[]) as u(id, tick_at)
      join ${s}.ticks t on t.schedule_id = u.id and t.tick_at = u.tick_at`,
    putTicks: `insert into ${s}.ticks as t (schedule_id, tick_at, task_id, skipped, waits, stored_at)
      select u.id, u.tick_at, u.task_id, u.skipped, u.waits, $6::bigint
      from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[]) as u(id, tick_at, task_id, skipped, waits)
      on conflict (schedule_id, tick_at) do update set
        task_id = excluded.task_id, skipped = excluded.skipped, waits = excluded.waits, stored_at = excluded.stored_at`,
    waitingTicks: `select w.id, k.* from unnest($1::text[]) as w(id) cross join lateral (
        select t.tick_at, t.task_id, t.status, t.skipped, t.waits from ${s}.ticks t
        where t.schedule_id = w.id and t.waits is not null order by t.tick_at limit $2::int
      ) as k`,
    startedTicks: `select w.id, k.* from unnest($1::text[]) as w(id) cross join lateral (
        select t.tick_at, t.task_id, coalesce(k.status, t.status), t.skipped, t.waits
        from ${s}.ticks t left join ${s}.tasks k on k.id = t.task_id
        where t.schedule_id = w.id and t.task_id is not null order by t.tick_at desc limit $2::int
      ) as k`,
    ticksBefore: `select t.schedule_id, t.tick_at, t.task_id, coalesce(k.status, t.status), t.skipped, t.waits
      from ${s}.ticks t left join ${s}.tasks k on k.id = t.task_id
      where t.schedule_id = $1 and t.tick_at < $2::bigint order by t.tick_at desc limit $3::int`,
    setOutcomes: `update ${s}.ticks t set status = u.status
      from unnest($1::text[], $2::bigint[], $3::text[]) as u(id, tick_at, status)
      where t.schedule_id = u.id and t.tick_at = u.tick_at`,
    pruneTicks: `with old as materialized (
        select k.schedule_id, k.tick_at from unnest($1::text[]) as w(id) cross join lateral (
          select t.schedule_id, t.tick_at from ${s}.ticks t
          where t.schedule_id = w.id and t.waits is null and t.stored_at < ${onceOr('$2')} - $3::bigint
            and t.tick_at < (select n.tick_at from ${s}.ticks n where n.schedule_id = w.id
              order by n.tick_at desc limit 1 offset $4::int)
          order by t.tick_at limit $5::int
        ) as k
      )
      delete from ${s}.ticks t using old where t.schedule_id = old.schedule_id and t.tick_at = old.tick_at returning 1`,
    removeTicks: `delete from ${s}.ticks where schedule_id = $1`,
    saveOperation: `insert into ${s}.operations as o (id, node, body) values ($1, $2, $3)
      on conflict (id) do update set body = excluded.body returning cancel`,
    forgetOperations: `delete from ${s}.operations
      where number < (select number from ${s}.operations order by number desc limit 1 offset $1::int - 1)`,
    operation: `select o.body, exists (select 1 from ${s}.nodes b where b.id = o.node and b.ended_at is null)
      from ${s}.operations o where o.id = $1 for update of o`,
    cancelOperation: `update ${s}.operations set cancel = true where id = $1 and not cancel returning 1`,

    /** Numbers are those of the queue, of which an entry is no part: they are unique on all nodes. */
    addEntries: `insert into ${s}.audit (at, number, ${auditNames})
      select $1::bigint, nextval('${s.replaceAll("'", "''")}.places'), u.* from unnest(${auditArraysFrom(2)}) as u(${auditNames})`,
    putEntries: `insert into ${s}.audit (at, number, ${auditNames})
      select * from unnest($1::bigint[], $2::bigint[], ${auditArraysFrom(3)})`,
    addToEntry: `update ${s}.audit set tasks = tasks + $1::bigint where at = $2::bigint and target_id = $3`,
    auditAll: audited(s, 'true'),
    auditOfTask: audited(s, 'task_id = $6'),
    auditOfAction: audited(s, `action <> 'task.submit' and action = $6`),
    auditOfCaller: audited(s, 'caller = $6'),
    entriesAfter: `select at, number, ${auditNames} from ${s}.audit
      where (at, number) > ($1::bigint, $2::bigint) order by at, number limit $3::int`,
    lastEntry: `select at, number from ${s}.audit order by at desc, number desc limit 1`,
    dropEntries: `delete from ${s}.audit where ctid = any (array(
        select ctid from ${s}.audit where at < ${onceOr('$1')} - $2::bigint order by at, number limit $3::int for update skip locked
      )) returning 1`,

    /** The version in each row, and no webhook in the first one if there is none. */
    webhooks: `select v.version, w.body from (select ${webhooksVersion(s)} as version) as v
      left join ${s}.webhooks w on true order by w.number`,
    lockWebhooks: `select pg_advisory_xact_lock(hashtextextended('${schema.replaceAll("'", "''")}', 5))`,
    raiseWebhooksVersion: `insert into ${s}.webhooks_version as v (one, version) values (1, 1)
      on conflict (one) do update set version = v.version + 1`,
    putWebhook: `insert into ${s}.webhooks (id, body) values ($1, $2) on conflict (id) do update set body = excluded.body`,
    removeWebhook: `delete from ${s}.webhooks where id = $1`,
    addDeliveries: `insert into ${s}.deliveries (webhook_id, lane, url, event, task_id, version, data, created_at, next_at)
      select *, $9::bigint from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[], $8::bigint[])
        as u(webhook_id, lane, url, event, task_id, version, data, created_at)`,
    addEvents: `insert into ${s}.outbox (deliveries, at, body) select * from unnest($1::int[], $2::bigint[], $3::text[])`,
    hasEvents: `select exists (select 1 from ${s}.outbox)`,
    tryDistribute: `select pg_try_advisory_xact_lock(hashtextextended($1, 7))`,
    /** The oldest, as many as have at most $1 deliveries, and at least one. */
    oldestEvents: `select number, body from (
        select number, body, sum(deliveries) over (order by number) as deliveries, row_number() over (order by number) as place
        from (select * from ${s}.outbox order by number limit $1::int) as o
      ) as summed where deliveries <= $1::int or place = 1 order by number`,
    eventsAfter: `select number, body from ${s}.outbox where number > $1::bigint order by number limit 1`,
    dropEvents: `delete from ${s}.outbox where number = any($1::bigint[])`,
    dropOldEvents: `delete from ${s}.outbox where number = any (array(
        select number from (select number, at from ${s}.outbox order by number limit $3::int) as o
        where o.at < ${timeOr('$1')} - $2::bigint
      )) returning deliveries`,
    newestTest: `select ${delivery('d')} from ${s}.deliveries d where d.webhook_id = $1 and d.task_id is null
      order by d.number desc limit 1`,
    /** Lanes after $1 and then those up to it, each with the milliseconds until its first delivery is due. */
    lanesDue: `with recursive beyond as (${firstLane(s, `q.lane > $1::text`)}
        union all select n.lane, n.next_at from beyond l cross join lateral ${firstLane(s, 'q.lane > l.lane')} as n
      ), before as (${firstLane(s, `q.lane <= $1::text`)}
        union all select n.lane, n.next_at from before l cross join lateral ${firstLane(s, 'q.lane > l.lane and q.lane <= $1::text')} as n
      )
      select lane, greatest(0, next_at - ${timeOr('$3')}) from (
        (select * from beyond limit $2::int) union all (select * from before limit $2::int)
      ) as lanes limit $2::int`,
    /** Of each lane, in order, at most as many as given; each with the number of the first pending delivery of its task. */
    lockDue: `select ${delivery('d')}, (select h.number from ${s}.deliveries h
          where h.status = 'pending' and h.task_id is not null and h.lane = d.lane and h.task_id = d.task_id order by h.version limit 1)
      from unnest($1::text[], $2::int[]) as w(lane, room) cross join lateral (
        select * from ${s}.deliveries q where q.status = 'pending' and q.lane = w.lane and q.next_at <= $3::bigint
        order by q.next_at, q.number limit w.room for update skip locked
      ) as d order by d.next_at, d.number`,
    reserve: `update ${s}.deliveries set claim = claim + 1, next_at = $2::bigint where number = any($1::bigint[])`,
    postpone: `with heads as (
        select number, next_at, status from ${s}.deliveries where number = any($2::bigint[]) order by number for update skip locked
      )
      update ${s}.deliveries d set next_at = h.next_at from unnest($1::bigint[], $2::bigint[]) as u(number, head)
        join heads h on h.number = u.head
      where d.number = u.number and h.status = 'pending' and h.next_at > d.next_at`,
    lockDeliveries: `select ${delivery('d')} from ${s}.deliveries d where d.number = any($1::bigint[]) order by d.number for update`,
    settleDeliveries: `update ${s}.deliveries d set claim = d.claim + 1, status = u.status, attempts = u.attempts, next_at = u.next_at, history = u.history
      from unnest($1::bigint[], $2::text[], $3::int[], $4::bigint[], $5::text[]) as u(number, status, attempts, next_at, history)
      where d.number = u.number`,
    wakeNext: `update ${s}.deliveries d set next_at = $3::bigint from unnest($1::text[], $2::text[]) as u(lane, task_id)
      where d.number = (select h.number from ${s}.deliveries h
        where h.status = 'pending' and h.task_id is not null and h.lane = u.lane and h.task_id = u.task_id order by h.version limit 1)
      and d.next_at > $3::bigint`,
    deliveriesBefore: `select ${delivery('d')} from ${s}.deliveries d
      where d.webhook_id = $1 and d.number < $2::bigint order by d.number desc limit $3::int`,
    deliveriesWith: `select ${delivery('d')} from ${s}.deliveries d
      where d.webhook_id = $1 and d.number < $2::bigint and d.status = $4 order by d.number desc limit $3::int`,
    redeliverOne: `update ${s}.deliveries set status = 'pending', attempts = 0, next_at = $2::bigint
      where number = $3::bigint and webhook_id = $1 and status <> 'pending' returning 1`,
    redeliverDead: `update ${s}.deliveries set status = 'pending', attempts = 0, next_at = $2::bigint where number = any (array(
        select number from ${s}.deliveries where status = 'dead' and webhook_id = $1 and created_at >= $3::bigint and created_at < $4::bigint
        order by number limit $5::int for update skip locked
      )) returning 1`,
    countDeliveries: `select (select count(*) from (
        select 1 from ${s}.deliveries where status = 'pending' and lane >= $2 and lane < $3 limit $4::int) as p)::int,
      (select count(*) from (select 1 from ${s}.deliveries where status = 'dead' and webhook_id = $1 limit $4::int) as p)::int`,
    countAllPending: `select least($1::int,
        (select count(*) from (select 1 from ${s}.deliveries where status = 'pending' limit $1::int) as p)
        + (select coalesce(sum(deliveries), 0) from (select deliveries from ${s}.outbox order by number limit $1::int) as e))::int`,
    anyOldDelivery: `${webhookIds(s)} select exists (
        select 1 from (select created_at from ${s}.deliveries order by number limit 1) as o where o.created_at < ${timeOr('$1')} - $2::bigint
      ) or exists (
        select 1 from (select at from ${s}.outbox order by number limit 1) as o where o.at < ${timeOr('$1')} - $2::bigint
      ) or exists (select 1 from ids where ${isOrphan(s)})`,
    dropOldDeliveries: `delete from ${s}.deliveries where number = any (array(
        select number from (select number, created_at from ${s}.deliveries order by number limit $3::int) as o
        where o.created_at < ${timeOr('$1')} - $2::bigint
      )) returning 1`,
    dropOrphanedDeliveries: `${webhookIds(s)} delete from ${s}.deliveries where number = any (array(
        select x.number from ids cross join lateral (
          select number from ${s}.deliveries d where d.webhook_id = ids.id limit $1::int
        ) as x where ${isOrphan(s)} limit $1::int
      )) returning 1`,
    deliveriesAfter: `select ${delivery('d')} from ${s}.deliveries d where d.number > $1::bigint order by d.number limit $2::int`,

    addDeltas: `insert into ${s}.deltas (type, status, tasks) select * from unnest($1::text[], $2::text[], $3::bigint[])`,
    counts: countsOf(s),
    fencedOffCounts: `select type, count(*) from ${s}.fenced_off group by type`,
    tryRollUp: `select pg_try_advisory_xact_lock(hashtextextended($1, 1))`,
    rollUp: `with gone as (delete from ${s}.deltas returning type, status, tasks),
        sums as (select type, status, sum(tasks) as tasks from gone group by type, status)
      insert into ${s}.counters as c (type, status, tasks) select type, status, tasks from sums
      on conflict (type, status) do update set tasks = c.tasks + excluded.tasks`,

    ...page,
    ahead: `select count(*) from (
        select 1 from unnest($1::text[]) as w(type) cross join lateral (
          ${[unsuspected, suspected, laned].map((part) => ahead(s, part('q'))).join(' union all ')}
        ) as found limit $4::int
      ) as before`,
    /** The head of each priority, from the highest down, in both parts of the queue. */
    oldestQueued: `with recursive heads as (
        select w.type, h.* from unnest($1::text[]) as w(type)
          cross join lateral (${heads(s, 'w.type')}) as h
        union all
        select p.type, h.* from heads p cross join lateral (${heads(s, 'p.type', 'p.priority', 'p.part')}) as h
      )
      select type, greatest(0, ${timeOr('$2')} - min(status_since)) from heads group by type`,
    firstIdFrom: `select t.id from ${s}.tasks t where t.id >= $1::text order by t.id limit 1`,
    lastId: `select t.id from ${s}.tasks t order by t.id desc limit 1`,
    idsWithin: `select t.id from ${s}.tasks t where t.id >= $1::text and t.id < $2::text order by t.id limit $3::int`,
    idsEnding: `select found.id from unnest($1::text[], $2::text[]) as w(low, high) cross join lateral (
        select t.id from ${s}.tasks t
        where t.id >= w.low collate "C" and t.id < w.high collate "C" and right(t.id, $3::int) = $4::text
        order by t.id limit $5::int
      ) as found limit $5::int`,
    tasksById: `select ${task} from ${s}.tasks t where t.id = any($1::text[])`,
    parametersByNumber: `select body from ${s}.parameters where row_id = $1::bigint`,
    briefById: `select ${task}, ${parameters} from ${s}.tasks t where t.id = any($1::text[])`,
    recordById: `select ${task}, ${parameters}, (select body from ${s}.checkpoints d where d.row_id = t.row_id), (select body from ${s}.results d where d.row_id = t.row_id), t.timeline
      from ${s}.tasks t where t.id = any($1::text[])`,
  } as const
}

/** Rises with every change of a webhook. */
const webhooksVersion = (s: string) => `coalesce((select version from ${s}.webhooks_version), 0)`

const delivery = (of: string) => deliveryNames.map((name) => `${of}.${name}`).join(', ')

const firstLane = (s: string, which: string) => `(select q.lane, q.next_at from ${s}.deliveries q
  where q.status = 'pending' and ${which} order by q.lane, q.next_at limit 1)`

/** Ids that have deliveries, one look at the index each. */
const webhookIds = (s: string) => `with recursive ids as (
    (select webhook_id as id from ${s}.deliveries order by webhook_id limit 1)
    union all
    select (select d.webhook_id from ${s}.deliveries d where d.webhook_id > ids.id order by d.webhook_id limit 1)
    from ids where ids.id is not null
  )`
const isOrphan = (s: string) => `ids.id is not null and ids.id <> '${callbacksId}'
  and not exists (select 1 from ${s}.webhooks w where w.id = ids.id)`

const auditNames = auditColumns.map(({ name }) => name).join(', ')
const auditArraysFrom = (first: number) =>
  auditColumns.map(({ type }, index) => `$${index + first}::${type}[]`).join(', ')

/** Entries of the audit log before `$1`, `$2`, from `$3` to before `$4`, newest first, at most `$5`. */
function audited(s: string, which: string): string {
  return `select at, number, ${auditNames} from ${s}.audit
      where ${which} and (at, number) < ($1::bigint, $2::bigint) and at >= $3::bigint and at < $4::bigint
      order by at desc, number desc limit $5::int`
}

/** For `guards`: the expected values of each row, followed by the columns to set. */
function move(s: string, parts: readonly Part[]): string {
  const set = parts.slice(guards).map(({ name }, index) => {
    const value = valueOf(parts, guards + index)
    return name === 'timeline' ? `timeline = t.timeline || ${value}` : `${name} = ${value}`
  })
  return `with moved as (
      update ${s}.tasks t set ${set.join(', ')} from ${arraysOf(parts)}
      where t.id = u.id and t.status is not distinct from ${valueOf(parts, 1)} and t.version is not distinct from ${valueOf(parts, 2)}
      returning 1
    ) select 1 / (count(*) = cardinality($1::text[]))::int from moved`
}

/** The parts of the queue, each with an index. */
const unsuspected = (of: string) =>
  `${of}.status = 'queued' and ${of}.crashes < ${suspectFrom} and ${of}.lane is null`
const suspected = (of: string) =>
  `${of}.status = 'queued' and ${of}.crashes >= ${suspectFrom} and ${of}.lane is null`
const laned = (of: string) => `${of}.lane is not null`

/** Tasks whose time to start runs out, as in their index. */
const expiring = (of: string) =>
  `${of}.expires_at is not null and ${of}.status in ('waiting', 'scheduled', 'queued')`

/** Not expired at the time of this mark; a claim checks it again by its own time. */
const unexpired = (of: string, mark: string) =>
  `(${of}.expires_at is null or ${of}.expires_at > ${onceOr(mark)})`

/** Buckets from a text and before another one that something holds or waits for. */
function distinctBuckets(s: string, from: string, before: string, most: string): string {
  return `select bucket from (
        (select distinct bucket from ${s}.limit_slots where bucket >= ${from} and bucket < ${before} order by bucket limit ${most})
        union
        (select distinct bucket from ${s}.lane_buckets where bucket >= ${from} and bucket < ${before} order by bucket limit ${most})
      ) as known order by bucket limit ${most}`
}

function blockedBuckets(s: string, from: string, before: string, most: string): string {
  return `select distinct waits_for as bucket from ${s}.lanes
      where waits_for >= ${from} and waits_for < ${before} order by bucket limit ${most}`
}

/** Tasks of the type that may be claimed now, at most `$3`. */
function roomOfType(s: string): string {
  return `select case when exists (select 1 from ${s}.holds o where o.type = w.type) then 0
            when w.concurrency is null then $3::int else greatest(0, least($3::int, w.concurrency
            - (select count(*) from ${s}.tasks a where a.type = w.type and a.owner_node is not null
                and a.status in ('running', 'pausing', 'cancelling'))
            - (select count(*) from ${s}.fenced_off f where f.type = w.type))) end as places offset 0`
}

/** The oldest queued tasks of a type: one of each part of the queue, with the highest priority below a limit. */
function heads(s: string, type: string, below = '2147483648', ofPart?: string): string {
  const head = (
    part: (of: string) => string,
    number: number,
  ) => `(select q.priority, q.status_since, ${number} as part
      from ${s}.tasks q where q.type = ${type} and ${part('q')} and q.priority < ${below}
      ${ofPart === undefined ? '' : `and ${ofPart} = ${number}`}
      order by q.priority desc, q.queue_position limit 1)`
  return [unsuspected, suspected, laned].map(head).join(' union all ')
}

/** What is in a part of the queue before a position. */
function ahead(s: string, part: string): string {
  return `select 1 from ${s}.tasks q where q.type = w.type and ${part} and q.priority > $2::int
          union all
          select 1 from ${s}.tasks q where q.type = w.type and ${part} and q.priority = $2::int and q.queue_position < $3::bigint`
}

/** A part of the queue of one type, in order. */
function queue(s: string, part: string): string {
  return `select q.ctid as place, q.priority, q.queue_position from ${s}.tasks q where q.type = w.type and ${unsuspected('q')} and ${unexpired('q', '$6')} and ${part}
          order by q.priority desc, q.queue_position limit room.places for update skip locked`
}

/** The types and statuses that have tasks, and how many. */
function countsOf(s: string, condition = ''): string {
  return `select type, status, sum(tasks)::bigint from (
      select type, status, tasks from ${s}.counters union all select type, status, tasks from ${s}.deltas
    ) as c ${condition} group by type, status having sum(tasks) <> 0`
}

/**
 * A portion of the candidates of a page, with what is needed to check them. `$1` to `$4`: after this position, within these
 * times; `$5`: maximum number.
 */
function candidatesOf(s: string, shown: string) {
  const ways = {
    /**
     * `$7`: types, or null for all; `$8`: statuses. Which of their combinations have tasks is read in the same statement:
     * with another snapshot, a task that changes its status in between would be in neither.
     */
    listed: `(${countsOf(s, 'where ($7::text[] is null or type = any($7::text[])) and status = any($8::text[])')}) as w cross join lateral (
        (select t.* from ${s}.tasks t where t.type = w.type and t.status = w.status and t.status <> 'running' and WITHIN)
        union all
        (select t.* from ${s}.tasks t where w.status = 'running' and t.type = w.type and t.owner_node is not null
          and t.status = 'running' and WITHIN)
      ) as t`,
    children: `(select t.* from ${s}.tasks t where t.parent_id = $7 and WITHIN) as t`,
    tagged: `(select g.id from ${s}.tags g where g.tag = $7 and WITHIN) as g join ${s}.tasks t on t.id = g.id`,
    /** From `$7` on, before `$8`. */
    named: `(select t.* from ${s}.tasks t where t.id >= $7 and t.id < $8 and WITHIN) as t`,
    done: `(select t.* from ${s}.tasks t where t.completed_at is not null and WITHIN) as t`,
  } as const
  const page = (way: keyof typeof ways, order: 'newest' | 'oldest') => {
    const [than, direction] = order === 'newest' ? ['<', 'desc'] : ['>', 'asc']
    const place = way === 'tagged' ? 'g' : 't'
    const at = way === 'done' ? 'completed_at' : 'created_at'
    const sorted = (of: string) =>
      `order by ${of}.${at} ${direction}, ${of}.row_id ${direction} limit $5::int`
    const within = `(${place}.${at}, ${place}.row_id) ${than} ($1::bigint, $2::bigint)
      and ${place}.${at} >= $3::bigint and ${place}.${at} < $4::bigint ${sorted(place)}`
    return `select ${shown} from ${ways[way].replaceAll('WITHIN', within)} ${sorted('t')}`
  }
  return {
    listedNewest: page('listed', 'newest'),
    listedOldest: page('listed', 'oldest'),
    childrenNewest: page('children', 'newest'),
    childrenOldest: page('children', 'oldest'),
    taggedNewest: page('tagged', 'newest'),
    taggedOldest: page('tagged', 'oldest'),
    namedNewest: page('named', 'newest'),
    namedOldest: page('named', 'oldest'),
    doneNewest: page('done', 'newest'),
    doneOldest: page('done', 'oldest'),
  }
}

export type Statements = ReturnType<typeof statementsFor>
