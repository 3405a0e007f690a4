import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import type { DetailsOf } from '../support/api.ts'

const holdsSlot = new Set(['running', 'pausing', 'cancelling'])

/** Audits the final state of all tasks as nodes return it: their timelines, the type limit, and the slots. */
export async function auditTasks(
  ids: readonly string[],
  urls: readonly string[],
  limit: number,
): Promise<void> {
  const tasks: DetailsOf[] = []
  for (let at = 0; at < ids.length; at += 16) {
    const some = ids.slice(at, at + 16).map(async (id, index) => {
      const answer = await fetch(`${urls[(at + index) % urls.length]}/api/task/${id}`)
      assert.equal(answer.status, 200, `an acknowledged task is lost: ${id}`)
      return (await answer.json()) as DetailsOf
    })
    tasks.push(...(await Promise.all(some)))
  }
  for (const task of tasks) auditTask(task)
  const narrow = tasks.filter(({ task_type: type }) => type === 'narrow')
  const most = mostActive(narrow)
  assert(most <= limit, `${most} tasks of a type with the limit ${limit} were active at once`)
  for (const url of urls) await slotsAreFree(url)
}

function auditTask({ task_id: id, status, timeline, fence }: DetailsOf): void {
  const moves = timeline.map(({ event }) => event)
  const told = `${id} is ${status} with the fence ${fence}: ${timeline.map(({ event, by }) => `${event} (${by})`).join(' ')}`
  assert.deepEqual(
    timeline.map(({ version }) => version),
    timeline.map((_, index) => index + 1),
    `every version has its line: ${told}`,
  )
  assert(moves.filter((move) => move === 'completed').length === (status === 'completed' ? 1 : 0), told)
  // Each claim, loss, retry and forced end raises the fence by one, and nothing else does.
  const raises = moves.filter((move) => /^(?:claimed|lost|park_lost|retried|fence_raised)$/.test(move)).length
  assert(fence >= raises && fence <= raises + moves.filter((move) => move === 'released').length, told)
  for (const [index, { event }] of timeline.entries()) {
    if (!event.endsWith('lost')) continue
    const loser = timeline.slice(0, index).findLast((line) => line.event === 'claimed')?.by
    const later = timeline.slice(index).map(({ by }) => by)
    assert(!later.includes(loser ?? 'nobody'), `a node writes nothing more about a task it lost: ${told}`)
  }
}

/**
 * By timestamps of the database. A task that is cancelled while parked becomes `cancelling` without a claim: its code does
 * no more work and only has to end.
 */
function mostActive(tasks: readonly DetailsOf[]): number {
  const edges = tasks.flatMap(({ timeline }) => {
    let isClaimed = false
    return timeline.flatMap(({ at, status, event }) => {
      const was = isClaimed
      isClaimed = holdsSlot.has(status) && (was || event === 'claimed')
      return was === isClaimed ? [] : [{ at, step: isClaimed ? 1 : -1 }]
    })
  })
  edges.sort((a, b) => a.at - b.at || a.step - b.step)
  let now = 0
  let most = 0
  for (const { step } of edges) most = Math.max(most, (now += step))
  return most
}

async function slotsAreFree(url: string): Promise<void> {
  const end = performance.now() + 10_000
  for (;;) {
    const { node } = (await (await fetch(`${url}/api/stats`)).json()) as {
      node: { slots_in_use: number; parked: number }
    }
    if (node.slots_in_use === 0 && node.parked === 0) return
    assert(performance.now() < end, `slots leaked: ${JSON.stringify(node)}`)
    await sleep(100)
  }
}

/** Audits the tables: one task per key, counters that match the rows, and no owner or slot left. */
export async function auditDatabase(url: string, acknowledged: number): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    const numbers = async (text: string) =>
      (await client.query<{ n: string }>(text)).rows.map(({ n }) => Number(n))
    assert.deepEqual(
      await numbers('select count(*) as n from fermata.tasks'),
      [acknowledged],
      'one task for each key',
    )
    assert.deepEqual(await numbers('select count(*) as n from fermata.fenced_off'), [0], 'no slot is held')
    assert.deepEqual(
      await numbers('select count(*) as n from fermata.tasks where owner_node is not null'),
      [0],
    )
    const counted = await client.query(
      'select type, status, count(*) from fermata.tasks group by 1, 2 order by 1, 2',
    )
    const kept = await client.query(
      `select type, status, sum(tasks)::bigint as count from (
        select * from fermata.counters union all select * from fermata.deltas
      ) as c group by 1, 2 having sum(tasks) <> 0 order by 1, 2`,
    )
    assert.deepEqual(kept.rows, counted.rows, 'the counters match the rows')
  } finally {
    await client.end()
  }
}
