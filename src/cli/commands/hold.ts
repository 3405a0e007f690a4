import type { Action } from '../perform.ts'
import type { Session } from '../session.ts'
import { finishWithoutOutput } from '../terminal/outputs.ts'

type Hold = (session: Session, type: string) => Promise<Readonly<{ message: string; task_type: string }>>

export const hold: Action = each((session, type) => session.client.holdType(type))
export const release: Action = each((session, type) => session.client.releaseType(type))

function each(act: Hold): Action {
  return async (session, command) => {
    finishWithoutOutput()
    for (const type of command.args) {
      const answer = await act(session, type)
      if (session.json) await session.printJson(answer)
      else await session.out.print(session.quiet ? answer.task_type : answer.message)
    }
  }
}
