import { activeStatuses, type NodeId, type Task, type TimelineEntry } from '../core/task.ts'
import type { ListCursor, Store } from '../store/store.ts'

const atOnce = 500

/**
 * Gives back the tasks that this node has claimed without knowing: a claim whose commit was in doubt, and which was recorded
 * after all. Without this they would run nowhere for as long as the node lives. `runsHere`: code of this very run, by its
 * fence; a parked copy of an earlier run is none. Call it while no claim is under way.
 */
export async function releaseUnstartedClaims(
  store: Store,
  node: NodeId,
  runsHere: (task: Task) => boolean,
  committed: (task: Task, entry: TimelineEntry) => void,
): Promise<void> {
  const strays: Task[] = []
  let after: ListCursor | null = null
  do {
    const query = {
      filter: { statuses: activeStatuses },
      order: 'oldest',
      after,
      limit: atOnce,
      scan: atOnce,
    } as const
    const page = await store.list(query)
    const found = page.entries.map(({ task }) => task)
    strays.push(...found.filter((task) => task.ownerNode === node && !runsHere(task)))
    after = page.next
  } while (after !== null)
  const outcome = { kind: 'released', why: 'its claim was in doubt' } as const
  const answers = await Promise.allSettled(
    strays.map(({ id, fence }) => store.settle(node, [{ id, fence, outcome, ranMs: 0 }])),
  )
  for (const answer of answers) {
    if (answer.status === 'rejected') continue
    for (const { task, entry } of answer.value) if (task !== null && entry !== null) committed(task, entry)
  }
  const failed = answers.find((answer) => answer.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
