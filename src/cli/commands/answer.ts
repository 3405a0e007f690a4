import { UsageError } from '../exit.ts'
import type { Action } from '../perform.ts'
import { finishWithoutOutput } from '../terminal/outputs.ts'
import { safe } from '../terminal/text.ts'

export const answer: Action = async (session, command) => {
  const words = command.args
  const options = command.opts<Readonly<{ reason?: string }>>()
  if (words.length !== 2 && words.length !== 3)
    throw new UsageError('answer takes ID NAME VALUE, or TOKEN VALUE')
  const [first = '', second = '', third] = words
  finishWithoutOutput()
  const { client } = session
  const answered =
    third === undefined
      ? await client.answerWait(first, valueOf(second), options)
      : await client.answerTask(first, second, valueOf(third), options)
  if (session.json) return session.printJson(answered)
  if (session.quiet) return session.out.print(safe`${answered.task_id}`)
  await session.out.print(safe`${answered.task_id}  ${answered.name} answered`)
}

/** Most people write yes without quotes. */
function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}
