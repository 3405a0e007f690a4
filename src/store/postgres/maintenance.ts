import { choosePreemptions } from '../../core/preemption.ts'
import type { Task } from '../../core/task.ts'
import type { Move } from '../../core/transition.ts'
import * as commands from '../commands.ts'
import {
  nodeMemory,
  urgentAtOnce,
  type Expired,
  type PreemptRequest,
  type Promoted,
  type ReapOptions,
} from '../store.ts'
import { readLater } from '../reading.ts'
import { startableUrgent } from '../urgent.ts'
import { PostgresLanes } from './lane-rows.ts'
import { rollUp, queueEstimateOf, type QueueEstimate } from './counters.ts'
import type { Transaction } from './transaction.ts'
import { nodeOf } from './nodes.ts'
import { selectedCount, taskOf } from './rows.ts'
import { encodeText } from './text.ts'
import { Work } from './work.ts'

/** Periodic maintenance of all tasks that need it. Each job has a transaction of its own. */

export async function promote(tx: Transaction, limit: number, waiting: QueueEstimate): Promise<Promoted> {
  const { sql, clock } = tx.source
  const due = tx.ask(sql.due, [clock?.now() ?? null, limit])
  const asleep = tx.ask(sql.asleepUntil, [clock?.now() ?? null, limit])
  const work = new Work(await tx.moment(limit))
  work.hold(await due)
  work.hold(await asleep)
  const moved = commands.promote(work.rows, limit, work.context)
  await work.write(tx)
  const next = tx.ask(sql.dueIn, [clock?.now() ?? null])
  await rollUp(tx)
  const counted = queueEstimateOf(await tx.ask(sql.counts))
  tx.afterCommit(() => waiting.learn(counted))
  const [row] = await next
  return { moved, dueIn: (row?.[0] ?? null) as number | null }
}

export async function expire(tx: Transaction, limit: number): Promise<Expired> {
  const { sql, clock } = tx.source
  const expired = tx.ask(sql.expired, [clock?.now() ?? null, limit])
  const work = new Work(await tx.moment(0))
  work.hold(await expired)
  const moved = commands.expire(work.rows, work.context)
  await work.write(tx)
  const [row] = await tx.ask(sql.expiresIn, [clock?.now() ?? null])
  return { moved, dueIn: (row?.[0] ?? null) as number | null }
}

export async function preempt(tx: Transaction, { types, rules }: PreemptRequest): Promise<Task[]> {
  const { sql, clock, schema } = tx.source
  const now = clock?.now() ?? null
  tx.write(sql.lockPreemptions, [schema])
  const [running, nodes] = await Promise.all([
    tx.ask(sql.runningOfTypes, [[...rules.keys()].map(encodeText)]),
    tx.ask(sql.living, [now]),
  ])
  const work = new Work(await tx.moment(0))
  const lanes = new PostgresLanes(tx, { node: '', now: work.context.now, limit: 0 })
  const urgent = await readLater(
    startableUrgent(
      {
        urgent: async (most, without) => {
          const rows = await tx.ask(sql.urgent, [
            types.map(({ type }) => encodeText(type)),
            types.map(({ concurrency }) => concurrency),
            urgentAtOnce,
            now,
            without,
            most,
          ])
          return rows.map((row) => {
            const [lane, places] = row.slice(selectedCount) as [string | null, number]
            return { task: taskOf(row), lane, places }
          })
        },
        buckets: (names) => lanes.buckets(names),
      },
      work.context.now,
    ),
  )
  const chosen = choosePreemptions({
    now: work.context.now,
    urgent,
    nodes: nodes.map(nodeOf),
    running: running.map(taskOf),
    rules,
  })
  if (chosen.length === 0) return []
  work.hold(await tx.ask(sql.lockFreeTasks, [chosen.map(({ task }) => encodeText(task.id)).sort()]))
  const asked = commands.preempt(chosen, (id) => work.row(id))
  await work.write(tx)
  return asked
}

export async function reap(tx: Transaction, options: ReapOptions): Promise<Move[]> {
  const { sql, clock } = tx.source
  const now = clock?.now() ?? null
  tx.write(sql.endDeadNodes, [now])
  const orphans = await tx.ask(sql.orphans)
  tx.write(sql.dropFencedOff)
  tx.write(sql.freeDeadSlots)
  tx.write(sql.forgetNodes, [now, nodeMemory])
  const work = new Work(await tx.moment(orphans.length))
  work.hold(orphans)
  const moved = commands.reap(work.rows, options, work.context)
  await work.write(tx)
  return moved
}

export async function prune(tx: Transaction, retention: number, limit: number): Promise<number> {
  const { sql, clock } = tx.source
  const rows = await tx.ask(sql.prunable, [clock?.now() ?? null, retention, limit])
  const work = new Work(await tx.moment(0))
  work.hold(rows)
  const pruned = commands.prune(work.rows)
  await work.write(tx)
  return pruned
}
