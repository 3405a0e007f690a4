import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Witness, Witnessed } from '../crash/witness.ts'
import { call, look } from './calls.ts'

/** The address of a random node; undefined while none is up. */
export type Somewhere = () => string | undefined

/** Reads and checks each task once. Tasks that cannot be read now are skipped, unless they must be `seen`. */
export async function checkAll(
  witness: Witness,
  tasks: readonly Witnessed[],
  somewhere: Somewhere,
  seen: boolean,
): Promise<void> {
  for (let at = 0; at < tasks.length; at += 16) {
    await Promise.all(
      tasks.slice(at, at + 16).map(async (task) => {
        const shown = await look(somewhere() ?? '', task.id)
        if (shown !== 'away') witness.check(task, shown, seen)
        else if (seen) assert.fail(`nobody shows the task ${task.id}`)
      }),
    )
  }
}

/** Waits until all controls have taken effect; then each task must be as its client was told last. */
export async function settled(witness: Witness, somewhere: Somewhere): Promise<void> {
  const moving = new Set(['pausing', 'cancelling'])
  await until('no control is in progress', async () => {
    await checkAll(witness, witness.open(), somewhere, false)
    return witness.open().every(({ last }) => !moving.has(last?.status ?? ''))
  })
  await checkAll(witness, [...witness.tasks.values()], somewhere, true)
}

/** Retries the tasks that failed because they were lost too often without a new checkpoint. */
export async function retryPoisoned(witness: Witness, somewhere: Somewhere): Promise<number> {
  const poisoned = witness.poisoned()
  for (const task of poisoned) {
    const retried = await call(somewhere()!, 'POST', `/api/task/${task.id}/retry?wait=0`)
    assert(retried.kind === 'answered' && retried.status === 200, `a failed task can be retried: ${task.id}`)
    task.last = undefined
    task.requestedControl = 'none'
  }
  return poisoned.length
}

/** Resumes paused tasks through any node; then all must end, with correct results. */
export async function finish(witness: Witness, somewhere: Somewhere): Promise<void> {
  for (const task of witness.open()) {
    task.inDoubt = false
    if (task.last?.status === 'paused') {
      const resumed = await call(somewhere()!, 'POST', `/api/task/${task.id}/resume?wait=0`)
      assert(resumed.kind === 'answered' && resumed.status === 200, `a paused task resumes: ${task.id}`)
    }
    task.requestedControl = 'none'
  }
  await until('all tasks have ended', async () => {
    await checkAll(witness, witness.open(), somewhere, false)
    return witness.open().length === 0
  })
}

/** Polls a condition; fails after a minute. */
export async function until(what: string, reached: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000
  while (!(await reached())) {
    assert(performance.now() < end, `gave up waiting until ${what}`)
    await sleep(200)
  }
}
