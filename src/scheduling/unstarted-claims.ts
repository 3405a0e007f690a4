import { activeStatuses, type NodeId, type Task } from '../core/task.ts'
import type { Journal } from '../journal/journal.ts'
import type { ListCursor, Store } from '../store/store.ts'

const atOnce = 500

/**
 * Releases tasks that this node has claimed unknowingly: a claim whose commit was in doubt, and which was recorded after
 * all. Otherwise they would run nowhere for as long as the node lives. `slots` distinguishes runs by fence: a parked copy of
 * an earlier run does not count. Call it while no claim is in progress.
 */
export async function releaseUnstartedClaims(
  store: Store,
  node: NodeId,
  slots: Readonly<{ runs(task: Task): boolean }>,
  journal: Journal,
): Promise<void> {
  const unstarted: Task[] = []
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
    unstarted.push(...found.filter((task) => task.ownerNode === node && !slots.runs(task)))
    after = page.next
  } while (after !== null)
  const outcome = { kind: 'released', why: 'its claim was in doubt' } as const
  const answers = await Promise.allSettled(
    unstarted.map(({ id, fence }) => store.settle(node, [{ id, fence, outcome, ranMs: 0 }])),
  )
  for (const answer of answers) {
    if (answer.status === 'rejected') continue
    journal.publish(answer.value.filter((settled) => settled.verdict === 'settled'))
  }
  const failed = answers.find((answer) => answer.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
