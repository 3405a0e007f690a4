import { isFermataError, type TaskResult } from '../../client/index.ts'
import { exitCodes, type ExitCode } from '../exit.ts'
import type { Action } from '../perform.ts'
import type { Session } from '../session.ts'
import { errorText } from '../format.ts'
import { safe, safeJson, visibleLines } from '../terminal/text.ts'

/** Maximum seconds to wait for one response; proxies in between may cut off longer ones. */
const longestWait = 25

export const result: Action = async (session, command) => {
  const [id = ''] = command.args
  const { wait, raw } = command.opts<{ wait?: number | true; raw?: boolean }>()
  const most = wait === true ? Infinity : (wait ?? 0)
  return printEnd(session, await ended(session, id, most), raw)
}

/** The task once it has finished. Throws `RESULT_NOT_READY` if it has not within this many seconds. */
export async function ended(session: Session, id: string, seconds = Infinity): Promise<TaskResult> {
  const end = performance.now() / 1_000 + seconds
  for (;;) {
    const left = Math.max(0, end - performance.now() / 1_000)
    const asked = performance.now()
    try {
      const options = seconds === 0 ? {} : session.last()
      return await session.client.getTaskResult(id, { wait: Math.min(longestWait, left), ...options })
    } catch (error) {
      if (!isFermataError(error, 'RESULT_NOT_READY') || left === 0) throw error
    }
    // A server that is about to stop does not wait.
    if (performance.now() - asked < 100) await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

/** Prints the outcome of a task: the result on standard output, anything else on standard error. */
export async function printEnd(session: Session, task: TaskResult, raw = false): Promise<ExitCode> {
  const { status, result, error } = task
  const { out, err } = session
  if (session.json) await session.printJson(task)
  else if (status === 'completed') {
    if (raw && typeof result === 'string')
      await out.writeExactly(`${out.isTerminal ? visibleLines(result) : result}\n`)
    else await out.writeExactly(`${safeJson(result, out.isLive ? 2 : 0)}\n`)
  } else if (status === 'failed') {
    await err.print(
      safe`${err.paint('red', 'failed')}: ${error === null ? 'no error recorded' : errorText(error)}`,
    )
  } else await err.print(err.paint('magenta', 'cancelled'))
  if (status === 'completed') return exitCodes.completed
  return status === 'failed' ? exitCodes.failed : exitCodes.cancelled
}
