import { sleep, type Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Task, TaskId, TimelineEntry } from '../core/task.ts'
import type { Journal } from './journal.ts'

export type NewestOptions = Readonly<{
  journal: Journal
  store: Readonly<{
    read(id: TaskId): Promise<Readonly<{ task: Task; timeline: readonly TimelineEntry[] }> | null>
  }>
  clock: Clock
  logger: Logger
  closed: AbortSignal
}>

/** Milliseconds between attempts to read. */
const readAgainAfter = 500

/**
 * Publishes the newest move of a task whose last write may have been recorded although its answer was lost: nobody has told
 * those who wait for it here. By now the task may even be deleted. Resolves after the first attempt to read it; further
 * attempts continue until one succeeds or the node closes.
 */
export async function publishNewest(options: NewestOptions, id: TaskId): Promise<void> {
  if (!(await hasPublished(options, id))) void publishLater(options, id)
}

/**
 * The same after a job that moves tasks which it finds itself, and which may have moved any of those that somebody waits for here.
 * `by`: its name in timelines.
 */
export function publishMovesOf(by: string, options: NewestOptions, watched: Iterable<TaskId>): void {
  for (const id of watched) void publishLater(options, id, by)
}

async function publishLater(options: NewestOptions, id: TaskId, by?: string): Promise<void> {
  do await sleep(options.clock, readAgainAfter)
  while (!options.closed.aborted && !(await hasPublished(options, id, by)))
}

async function hasPublished(
  { journal, store, logger }: NewestOptions,
  id: TaskId,
  by?: string,
): Promise<boolean> {
  try {
    const found = await store.read(id)
    const entry = found?.timeline.at(-1)
    if (found === null) journal.deleted(id)
    else if (by !== undefined && entry?.by !== by) return true
    else {
      if (entry !== undefined) journal.publish([{ before: null, task: found.task, entry }])
      journal.see(found.task)
    }
    return true
  } catch (error) {
    logger.warn({ err: error, task: id }, 'could not read the outcome of a commit in doubt; retrying')
    return false
  }
}
