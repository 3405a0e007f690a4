import type { TaskDetails, TaskStatus } from '../../client/index.ts'
import { duration, errorText, moment } from '../format.ts'
import { looks } from '../looks.ts'
import type { Action } from '../perform.ts'
import { pooled } from '../pool.ts'
import type { Session } from '../session.ts'
import { exitCodeOf, exitCodes, sentenceOf, type ExitCode } from '../exit.ts'
import { isFermataError } from '../../client/index.ts'
import { bar } from '../terminal/bar.ts'
import { joined, safe, safeJson, type SafeText } from '../terminal/text.ts'
import { figuresOf } from '../watching/line.ts'
import { rowOf } from '../watching/row.ts'

/** Maximum concurrent reads. */
const width = 16

export const status: Action = async (session, command) => {
  const { full = false } = command.opts<{ full?: boolean }>()
  const ask = (id: string): Promise<TaskStatus | TaskDetails> =>
    full ? session.client.getTask(id) : session.client.getTaskStatus(id)
  let code: ExitCode = exitCodes.completed
  for await (const { item: id, outcome } of pooled(command.args, width, ask)) {
    if (outcome.status === 'fulfilled') await print(session, outcome.value)
    else if (isFermataError(outcome.reason, 'SERVER_UNREACHABLE')) throw outcome.reason
    else {
      code = exitCodeOf(outcome.reason)
      await session.err.print(safe`fermata: ${sentenceOf(outcome.reason, session.url)} (${id})`)
    }
  }
  return code
}

async function print(session: Session, task: TaskStatus | TaskDetails): Promise<void> {
  const { out } = session
  if (session.json) return session.printJson(task)
  if (session.quiet) return out.print(task.task_id)
  const look = looks[task.status]
  await out.print(
    safe`${out.paint('bold', `${task.task_type} ${task.task_id}`)}  ${out.paint(look.style, `${look.symbol} ${task.status}`)}`,
  )
  for (const [name, value] of facts(session, task))
    await out.print(safe`  ${out.paint('dim', name.padEnd(10))} ${value}`)
  if ('timeline' in task) for (const line of history(session, task)) await out.print(safe`  ${line}`)
}

function facts(session: Session, task: TaskStatus | TaskDetails): [string, SafeText | string][] {
  const { progress, error, tags } = task
  const found: [string, SafeText | string][] = []
  if (progress !== null) {
    const figures = figuresOf(rowOf(task, Date.now()), Date.now())
      .filter((figure) => figure !== '')
      .join('  ')
    const drawn =
      progress.ratio === null || !session.out.isLive ? '' : safe`${bar(session.out, progress.ratio, 20)} `
    found.push(['progress', safe`${drawn}${figures}`])
    if (progress.message !== null) found.push(['', progress.message])
  }
  if (error !== null) found.push(['error', session.out.paint('red', errorText(error))])
  found.push(['created', moment(task.created_at)])
  if (task.run_at !== null && task.started_at === null) found.push(['due', moment(task.run_at)])
  const { waits = [], children, until } = task.waiting_for ?? {}
  if (waits.length > 0) found.push(['waits for', waits.join(', ')])
  if (children !== undefined) found.push(['waits for', children === 1 ? 'a child' : `${children} children`])
  if (until !== undefined)
    found.push([waits.length > 0 ? 'until' : 'sleeps', `${waits.length > 0 ? '' : 'until '}${moment(until)}`])
  if (task.expires_at !== null) found.push(['expires', moment(task.expires_at)])
  if (task.started_at !== null) found.push(['started', moment(task.started_at)])
  if (task.completed_at !== null) found.push(['finished', moment(task.completed_at)])
  found.push(['duration', timesOf(task)])
  if (task.max_attempts > 1 || task.attempt > 1)
    found.push(['attempt', `${task.attempt} of ${task.max_attempts}`])
  if (task.priority !== 0) found.push(['priority', String(task.priority)])
  if (tags.length > 0) found.push(['tags', tags.join(', ')])
  if (task.ended_by === 'expired') found.push(['stopped', 'it did not start in time'])
  else if (task.ended_by !== null) found.push(['stopped', task.ended_by])
  const parameters = safeJson(task.parameters)
  found.push(['parameters', parameters.length > 1_000 ? `${parameters.slice(0, 1_000)}…` : parameters])
  return found
}

function timesOf(task: TaskStatus): string {
  const parts = [duration(task.execution_time), `queued for ${duration(task.queue_time)}`]
  if (task.paused_time > 0) parts.push(`paused for ${duration(task.paused_time)}`)
  return parts.join(', ')
}

function history({ out }: Session, { timeline }: TaskDetails): SafeText[] {
  return timeline.map(({ at, event, status, attempt, why, error }) => {
    const more = why ?? (error === undefined ? '' : errorText(error))
    const look = looks[status]
    const words = [
      `attempt ${attempt}`,
      event.padEnd(16),
      out.paint(look.style, status.padEnd(10)),
      out.paint('dim', more),
    ]
    return joined([out.paint('dim', moment(at)), ...words], '  ')
  })
}
