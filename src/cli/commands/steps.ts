import type { TaskStep } from '../../client/index.ts'
import { duration, moment } from '../format.ts'
import type { Action } from '../perform.ts'
import type { Session } from '../session.ts'
import { safe } from '../terminal/text.ts'

/** Characters of a result that a line shows. */
const shownResult = 120

export const steps: Action = async (session, command) => {
  const [id = ''] = command.args
  let cursor: string | undefined
  do {
    const page = await session.client.getTaskSteps(id, cursor === undefined ? {} : { cursor })
    for (const step of page.steps) await printStep(session, step)
    cursor = page.next_cursor ?? undefined
  } while (cursor !== undefined)
}

function printStep(session: Session, step: TaskStep): Promise<void> {
  if (session.json) return session.printJson(step)
  const { out } = session
  const { name, occurrence, status, attempts, started_at: from, finished_at: to, result, error } = step
  const title = occurrence === 1 ? name : `${name} (${occurrence})`
  const calls = attempts === 1 ? '' : `, ${attempts} calls`
  const ending = error === null ? cut(JSON.stringify(result)) : `${error.code}: ${error.message}`
  const mark = status === 'completed' ? out.paint('green', '✓') : out.paint('red', '✗')
  const times = out.paint('dim', moment(from))
  return out.print(safe`${times}  ${mark} ${title}  ${duration(to - from)}${calls}  ${cut(ending)}`)
}

function cut(text: string): string {
  const line = text.replaceAll('\n', ' ')
  return line.length > shownResult ? `${line.slice(0, shownResult - 1)}…` : line
}
