import { stepTitle } from '../core/step.ts'
import type { Fence, Json, TaskId } from '../core/task.ts'
import type { Question, WaitReached, WaitRequest, WaitState } from '../core/wait.ts'
import { validatorOf } from '../registry/json-schema.ts'
import { newToken, tokenHashOf } from '../store/wait-token.ts'
import type { Reached, ReachRequest } from '../store/wait-store.ts'

/** Undefined if the store could not answer before the node closed. */
type Reach = (request: ReachRequest) => Promise<Reached | 'full' | null | undefined>

/** The waits to which one run comes. */
export class StoredWaits {
  readonly #reach: Reach
  readonly #log: (line: string) => void

  constructor(reach: Reach, log: (line: string) => void) {
    this.#reach = reach
    this.#log = log
  }

  /** How the wait is, which is stored if it was not before. Undefined if the task is not active with this fence. */
  async look(
    copy: Readonly<{ id: TaskId; fence: Fence }>,
    { name, occurrence, schema, message, timeout, timedOut }: WaitRequest,
  ): Promise<WaitState | undefined> {
    const token = newToken()
    const question: Question = {
      token,
      schema: schema === null ? null : (JSON.parse(schema) as Question['schema']),
      message,
    }
    const reached: WaitReached = {
      name,
      occurrence,
      tokenHash: tokenHashOf(token),
      question: JSON.stringify(question),
      timeout,
      ...(timedOut ? { timedOut } : {}),
    }
    let found = await this.#reach({ ...copy, reached })
    if (found != null && found !== 'full' && found.wait.status === 'early') {
      if (found.unreadable !== undefined) return { kind: 'unreadable', why: found.unreadable }
      const fits = await isFit(question.schema, found.wait.answer ?? 'null')
      if (!fits)
        this.#log(
          `An answer of ${found.wait.answeredBy ?? 'somebody'} to the wait ${stepTitle(found.wait)} came before the wait and does not match its schema: it is dropped.`,
        )
      const early = fits ? 'fits' : 'misfit'
      found = await this.#reach({ ...copy, reached: { ...reached, early } })
    }
    if (found == null) return undefined
    if (found === 'full') return { kind: 'full' }
    const { wait, news, now, unreadable } = found
    if (wait.status === 'timed_out') return { kind: 'timed-out' }
    if (wait.status === 'open')
      return {
        kind: 'open',
        left: wait.expiresAt === null ? null : Math.max(0, wait.expiresAt - now),
        seen: news,
      }
    if (unreadable !== undefined) return { kind: 'unreadable', why: unreadable }
    return { kind: 'answered', answer: wait.answer ?? 'null' }
  }
}

async function isFit(schema: Question['schema'], answer: Json): Promise<boolean> {
  if (schema === null) return true
  const validator = await validatorOf(schema, 'schema')
  return validator.safeParse(JSON.parse(answer)).success
}
