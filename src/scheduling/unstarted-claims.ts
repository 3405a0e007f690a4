import { activeStatuses, type NodeId, type Task } from '../core/task.ts'
import { StoreUnavailable } from '../core/errors.ts'
import { publishNewest, type NewestOptions } from '../journal/newest.ts'
import type { ListCursor, Store } from '../store/store.ts'

const atOnce = 500

export type UnstartedClaimsOptions = NewestOptions & Readonly<{ store: Store }>

/**
 * Releases tasks that this node has claimed unknowingly: a claim whose commit was in doubt, and which was recorded after
 * all. Otherwise they would run nowhere for as long as the node lives. `slots` distinguishes runs by fence: a parked copy of
 * an earlier run does not count. Call it while no claim is in progress.
 */
export async function releaseUnstartedClaims(
  options: UnstartedClaimsOptions,
  node: NodeId,
  slots: Readonly<{ runs(task: Task): boolean }>,
): Promise<void> {
  const { store, journal } = options
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
    unstarted.map(({ id, fence }) => store.settle(node, [{ id, fence, outcome, activeMs: 0 }])),
  )
  for (const [index, answer] of answers.entries()) {
    if (answer.status === 'fulfilled')
      journal.publish(answer.value.filter((settled) => settled.verdict === 'settled'))
    // It may have been recorded: the next call does not find this task any more.
    else if (answer.reason instanceof StoreUnavailable && answer.reason.unknown)
      await publishNewest(options, unstarted[index]!.id)
  }
  const failed = answers.find((answer) => answer.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
