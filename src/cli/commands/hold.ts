import type { Action } from '../perform.ts'
import type { Session } from '../session.ts'
import { finishWithoutOutput } from '../terminal/outputs.ts'

type Options = Readonly<{ reason?: string }>
type Hold = (
  session: Session,
  type: string,
  options: Options,
) => Promise<Readonly<{ message: string; task_type: string }>>

export const hold: Action = each(({ client }, type, options) => client.holdType(type, options))
export const release: Action = each(({ client }, type, options) => client.releaseType(type, options))

function each(act: Hold): Action {
  return async (session, command) => {
    finishWithoutOutput()
    for (const type of command.args) {
      const answer = await act(session, type, command.opts<Options>())
      if (session.json) await session.printJson(answer)
      else await session.out.print(session.quiet ? answer.task_type : answer.message)
    }
  }
}
