import { activeStatuses, type BootId, type Task } from '../core/task.ts'
import type { Moved, Place, Store } from '../store/store.ts'

const atOnce = 500

/**
 * Gives back the tasks that this boot has claimed without knowing: a claim whose commit was in doubt, and which was recorded
 * after all. Without this they would run nowhere for as long as the boot lives. `runsHere`: code of this very run, by its
 * fence; a parked copy of an earlier run is none. Call it while no claim is under way.
 */
export async function releaseStrays(
  store: Store,
  boot: BootId,
  runsHere: (task: Task) => boolean,
): Promise<readonly Moved[]> {
  const strays: Task[] = []
  let after: Place | null = null
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
    strays.push(...found.filter((task) => task.ownerBoot === boot && !runsHere(task)))
    after = page.next
  } while (after !== null)
  if (strays.length === 0) return []
  const outcome = { kind: 'released', why: 'its claim was in doubt' } as const
  const settlements = strays.map(({ id, fence }) => ({ id, fence, outcome, ranMs: 0 }))
  const answers = await store.settle(boot, settlements)
  return answers.flatMap(({ task, entry }) => (task === null || entry === null ? [] : [{ task, entry }]))
}
