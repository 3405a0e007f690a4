import type { Change } from '../../client/index.ts'
import type { ProgressReport } from '../../client/types.ts'
import { exitCodes } from '../exit.ts'
import { moment } from '../format.ts'
import type { Action } from '../perform.ts'
import type { Session } from '../session.ts'
import { finishWithoutOutput } from '../terminal/outputs.ts'
import { safe } from '../terminal/text.ts'

type Options = Readonly<{ type?: string[]; tag?: string; event?: string[]; progress?: boolean }>

/** Prints events of tasks as they come, until Ctrl+C. */
export const listen: Action = async (session, command) => {
  const { type, tag, event: wanted, progress = false } = command.opts<Options>()
  finishWithoutOutput()
  const filter = { ...(type === undefined ? {} : { type }), ...(tag === undefined ? {} : { tag }) }
  const options = session.last()
  session.onAway = () => void session.remark('The server is away; reconnecting.')
  for await (const change of session.client.streamChanges(filter, options)) {
    if (change.kind === 'resync') {
      if (change.why === 'open') await session.remark(`Listening to ${session.url}. Press Ctrl+C to stop.`)
      else await session.remark('Events may be missing here.')
    } else if (change.kind === 'transition' ? isWanted(change.event, wanted) : progress) {
      await print(session, change)
    }
  }
  return exitCodes.completed
}

function isWanted(event: string, wanted: readonly string[] | undefined): boolean {
  return wanted === undefined || wanted.some((one) => one.replace(/^task\./, '') === event)
}

function progressOf({ current, total, message }: ProgressReport): string {
  return `${current}${total === null ? '' : `/${total}`}${message === null ? '' : ` ${message}`}`
}

async function print(session: Session, change: Exclude<Change, { kind: 'resync' }>): Promise<void> {
  if (session.json) return session.printJson(change)
  if (session.quiet) return session.out.print(change.task_id)
  const { out } = session
  const { task_id: id, task_type: type } = change
  if (change.kind === 'transition') {
    const { at, event, status, error } = change
    const why = error === undefined || error === null ? '' : `: ${error.message}`
    return out.print(safe`${out.paint('dim', moment(at))}  ${id}  ${type}  ${event} -> ${status}${why}`)
  }
  const text = change.kind === 'log' ? change.message : progressOf(change)
  return out.print(safe`${' '.repeat(19)}  ${id}  ${type}  ${change.kind}: ${text}`)
}
