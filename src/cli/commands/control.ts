import { isFermataError } from '../../client/index.ts'
import { exitCodeOf, exitCodes, sentenceOf, type ExitCode } from '../exit.ts'
import { looks } from '../looks.ts'
import type { Action } from '../perform.ts'
import { pooled } from '../pool.ts'
import type { Session } from '../session.ts'
import { finishWithoutOutput } from '../terminal/outputs.ts'
import { safe } from '../terminal/text.ts'

type Options = Readonly<{ wait?: number; reason?: string; from?: 'checkpoint' | 'start' }>

/** Maximum concurrent calls. */
const width = 16

const acts = {
  pause: ({ client }: Session, id: string, options: Options) => client.pauseTask(id, asked(options)),
  resume: ({ client }: Session, id: string, options: Options) => client.resumeTask(id, asked(options)),
  cancel: ({ client }: Session, id: string, options: Options) => client.cancelTask(id, asked(options)),
  retry: ({ client }: Session, id: string, { from, ...options }: Options) =>
    client.retryTask(id, { ...asked(options), ...(from === undefined ? {} : { from }) }),
  purge: ({ client }: Session, id: string, options: Options) => client.purgeTask(id, options),
} as const

/** Sends a control to many tasks. Reports those that fail, and continues with the others. */
export function controlled(name: keyof typeof acts): Action {
  return async (session, command) => {
    const options = command.opts<Options>()
    finishWithoutOutput()
    const ids = [...new Set(command.args)]
    let code: ExitCode = exitCodes.completed
    for await (const { item: id, outcome } of pooled(ids, width, (id) => acts[name](session, id, options))) {
      if (outcome.status === 'fulfilled') await tell(session, outcome.value)
      else {
        if (isFermataError(outcome.reason, 'SERVER_UNREACHABLE')) throw outcome.reason
        code = exitCodeOf(outcome.reason)
        const { err } = session
        await err.print(safe`${id}  ${err.paint('red', sentenceOf(outcome.reason, session.url))}`)
      }
    }
    return code
  }
}

async function tell(
  session: Session,
  answer: Readonly<{ message: string; task_id: string; status?: keyof typeof looks }>,
) {
  const { out } = session
  if (session.json) return session.printJson(answer)
  const { task_id: id, status } = answer
  if (session.quiet) return out.print(id)
  const word = status === undefined ? 'deleted' : out.paint(looks[status].style, status)
  return out.print(safe`${id}  ${word}`)
}

function asked({ wait, reason }: Options) {
  return {
    ...(wait === undefined ? {} : { wait: Math.min(60, wait) }),
    ...(reason === undefined ? {} : { reason }),
  }
}
