import type { Action } from '../perform.ts'
import { exitCodes, type ExitCode } from '../exit.ts'
import type { InterruptPolicy } from '../watching/interrupt.ts'
import { Left } from '../watching/interrupt.ts'
import type { Row } from '../watching/row.ts'
import { watchAll } from '../watching/all.ts'
import { watchTasks } from '../watching/watch.ts'
import { UsageError } from '../exit.ts'

/** Maximum number of tasks that can be watched by id: each takes a connection. */
const most = 100

export const watch: Action = async (session, command) => {
  const ids = [...new Set(command.args)]
  const {
    onInterrupt: policy = 'leave',
    type,
    tag,
  } = command.opts<{
    onInterrupt?: InterruptPolicy
    type?: string[]
    tag?: string
  }>()
  const watching = { terminal: session.out, policy, json: session.json }
  if (ids.length === 0) {
    const filter = { ...(type === undefined ? {} : { type }), ...(tag === undefined ? {} : { tag }) }
    await watchAll(session, filter, watching)
    return exitCodes.completed
  }
  if (ids.length > most) {
    throw new UsageError(
      `cannot watch more than ${most} tasks by id; without ids, watch shows all running tasks`,
    )
  }
  try {
    return worst(await watchTasks(session, ids, watching))
  } catch (error) {
    if (error instanceof Left) return exitCodes.interrupted
    throw error
  }
}

/** The exit code for several tasks: a failure outweighs a cancel. */
export function worst(rows: readonly Row[]): ExitCode {
  if (rows.some(({ status }) => status === 'failed')) return exitCodes.failed
  return rows.some(({ status }) => status === 'cancelled') ? exitCodes.cancelled : exitCodes.completed
}
