import type { Action } from '../perform.ts'
import { moment } from '../format.ts'
import { safe } from '../terminal/text.ts'
import type { Session } from '../session.ts'
import type { LogLine } from '../../client/index.ts'
import { isTerminal } from '../looks.ts'

export const logs: Action = async (session, command) => {
  const [id = ''] = command.args
  const { follow } = command.opts<{ follow?: boolean }>()
  let last = await printFrom(session, id, 0)
  if (follow !== true) return
  const options = session.last()
  // The stream signals new lines; the log returns each line once.
  const { task_id, version, status } = await session.client.getTaskStatus(id, options)
  if (!isTerminal(status)) {
    for await (const { kind } of session.client.streamTaskEvents(task_id, { ...options, after: version })) {
      if (kind !== 'progress') last = await printFrom(session, task_id, last)
    }
  }
  await printFrom(session, task_id, last)
}

/** Prints the lines after this number, and returns the number of the last one. */
async function printFrom(session: Session, id: string, number: number): Promise<number> {
  let after = number
  for (;;) {
    const { lines, next_after: next } = await session.client.getTaskLog(id, { after })
    for (const line of lines) await printLine(session, line)
    after = lines.at(-1)?.number ?? after
    if (next === null) return after
    after = next
  }
}

function printLine(session: Session, line: LogLine): Promise<void> {
  if (session.json) return session.printJson(line)
  const { out } = session
  return out.print(safe`${out.paint('dim', moment(line.at))}  ${line.message}`)
}
