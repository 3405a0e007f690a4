import { toErrorRecord } from '../core/error-record.ts'
import { culprit, ProcessEnded, type Culprit } from '../execution/executors/scope.ts'
import type { Logger } from 'pino'

/**
 * Inline handlers are user code in the server process: what one of them does to the process must end that task, not the
 * server. Not used by the library, whose process belongs to the embedder.
 */

/** Milliseconds for releasing running tasks before the process exits anyway. */
const givesBackIn = 5_000

/** What to do before the process exits because of a fault outside any task. */
export type GiveBack = () => Promise<void>

/** An uncaught error fails the task whose code threw it. If it belongs to no task, the server exits with code 1. */
export function surviveFaults(logger: Logger, giveBack: GiveBack): void {
  let ending = false
  process.on('uncaughtException', (error) => {
    const task = culprit()
    if (task === undefined) {
      logger.fatal({ err: error }, 'uncaught error outside any task: the server exits')
      if (ending) process.exit(1)
      ending = true
      setTimeout(() => process.exit(1), givesBackIn)
      void endAfter(giveBack)
      return
    }
    const about = { err: shownOf(error, task), ...fieldsOf(task) }
    if (task.blame(error))
      logger.error(about, 'uncaught error in a task: the task fails, the server continues')
    else logger.error(about, 'uncaught error in code of a finished task: the server continues')
  })
  // When a promise is handled late, the platform no longer knows whose code rejected it.
  const rejectedBy = new WeakMap<Promise<unknown>, Culprit>()
  process.on('unhandledRejection', (reason, promise) => {
    const task = culprit()
    if (task !== undefined) rejectedBy.set(promise, task)
    const about = { err: shownOf(reason, task), ...(task === undefined ? {} : fieldsOf(task)) }
    if (task?.rejected(promise, reason) === true)
      logger.error(about, 'unhandled rejection in a task: the task fails')
    else logger.error(about, 'unhandled rejection: the server continues')
  })
  process.on('rejectionHandled', (promise) => rejectedBy.get(promise)?.handled(promise))
}

/** The error as it may be logged: without what is sensitive in its task. */
function shownOf(error: unknown, task: Culprit | undefined): unknown {
  return task?.secrets?.hideInError(toErrorRecord(error)) ?? error
}

function fieldsOf({ id, type, attempt, traceId }: Culprit) {
  return { task: id, type, attempt, ...(traceId === undefined ? {} : { trace_id: traceId }) }
}

async function endAfter(giveBack: GiveBack): Promise<void> {
  await giveBack().catch(() => undefined)
  process.exit(1)
}

/**
 * Task code that tries to end the process fails its task instead. Any other exit is logged with its place, and is never a
 * success while the server should be running. `stopping`: the server is stopping on its own.
 */
export function refuseExits(logger: Logger, stopping: () => boolean): void {
  const { exit, abort, kill } = process
  const refused = (call: string) => {
    const error = new ProcessEnded(call)
    culprit()?.blame(error)
    return error
  }
  process.exit = (code) => {
    if (culprit() !== undefined) throw refused(`process.exit(${code ?? ''})`)
    if (stopping()) return exit.call(process, code)
    const err = new Error(`process.exit(${code ?? ''}) was called`)
    logger.fatal({ err }, 'code outside any task ended the server')
    return exit.call(process, Number(code ?? process.exitCode ?? 0) || 1)
  }
  process.abort = () => {
    if (culprit() !== undefined) throw refused('process.abort()')
    return abort.call(process)
  }
  process.kill = (pid, signal) => {
    // 0 is the process group; signal 0 only checks.
    if (culprit() !== undefined && signal !== 0 && (pid === 0 || Math.abs(pid) === process.pid))
      throw refused(`process.kill(${pid === process.pid ? 'process.pid' : pid})`)
    return kill.call(process, pid, signal)
  }
}
