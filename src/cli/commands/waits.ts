import type { TaskWait } from '../../client/index.ts'
import { moment } from '../format.ts'
import type { Action } from '../perform.ts'
import type { Session } from '../session.ts'
import { safe } from '../terminal/text.ts'

type Options = Readonly<{ type?: string; name?: string; all?: boolean; limit?: number }>

/** Characters of an answer that a line shows. */
const shownAnswer = 120
const perPage = 100

export const waits: Action = async (session, command) => {
  const [id] = command.args
  const { all = false, limit = 100, type, name } = command.opts<Options>()
  const { client } = session
  let cursor: string | undefined
  let printed = 0
  do {
    const page = { limit: perPage, ...(cursor === undefined ? {} : { cursor }) }
    const { waits: found, next_cursor: next } =
      id === undefined
        ? await client.listWaits({
            ...page,
            ...(all ? {} : { status: 'open' }),
            ...(type === undefined ? {} : { type }),
            ...(name === undefined ? {} : { name }),
          })
        : await client.getTaskWaits(id, page)
    for (const wait of found) {
      const isMeant = name === undefined || wait.name === name
      if (!isMeant || (!all && wait.status !== 'open') || printed === limit) continue
      await printWait(session, wait)
      printed += 1
    }
    cursor = next ?? undefined
  } while (cursor !== undefined && printed < limit)
  if (printed === 0) await session.remark(all ? 'No waits.' : 'Nothing waits for an answer.')
}

function printWait(session: Session, wait: TaskWait): Promise<void> {
  if (session.json) return session.printJson(wait)
  const { out } = session
  if (session.quiet) return out.print(safe`${wait.task_id}`)
  const { task_id: id, task_type: type, name, occurrence, message } = wait
  const title = occurrence === 1 ? name : `${name} (${occurrence})`
  const asked = message === null ? '' : `  ${cut(message)}`
  return out.print(
    safe`${out.paint('dim', moment(wait.created_at))}  ${id}  ${type}  ${title}  ${stateOf(wait)}${asked}`,
  )
}

function stateOf({ status, expires_at: until, answered_by: by, answer }: TaskWait): string {
  switch (status) {
    case 'open':
      return until === null ? 'open' : `open until ${moment(until)}`
    case 'answered':
    case 'early':
      return `answered by ${by ?? 'somebody'}: ${cut(JSON.stringify(answer))}`
    case 'timed_out':
      return 'timed out'
    case 'ended':
      return 'its task has ended'
  }
}

function cut(text: string): string {
  const line = text.replaceAll('\n', ' ')
  return line.length > shownAnswer ? `${line.slice(0, shownAnswer - 1)}…` : line
}
