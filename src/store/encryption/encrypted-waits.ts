import type { Origin } from '../../core/caller.ts'
import type { NodeId, TaskId } from '../../core/task.ts'
import type { Wait } from '../../core/wait.ts'
import type {
  AnswerRequest,
  AnswerResult,
  Reached,
  ReachRequest,
  TaskWait,
  WaitPage,
  WaitQuery,
  WaitStore,
} from '../wait-store.ts'
import type { Keyring } from './keyring.ts'
import { openEntry, openTask, openWaitForPeople, sealWaitText, type Open } from './task-codec.ts'

/** The waits above those of a store: questions and answers are encrypted. */
export class EncryptedWaits implements WaitStore {
  readonly #waits: WaitStore
  readonly #ring: Keyring
  readonly #open: Open

  constructor(waits: WaitStore, ring: Keyring, open: Open) {
    this.#waits = waits
    this.#ring = ring
    this.#open = open
  }

  async reach(node: NodeId, { id, fence, reached }: ReachRequest): Promise<Reached | 'full' | null> {
    const question = this.#ring.encrypts
      ? sealWaitText(this.#ring, id, reached, 'question', reached.question)
      : reached.question
    const found = await this.#waits.reach(node, { id, fence, reached: { ...reached, question } })
    if (found === null || found === 'full') return found
    return { ...found, ...this.#opened(id, found.wait) }
  }

  async answer({ id, answer }: AnswerRequest, audit: Origin): Promise<AnswerResult> {
    const text = this.#ring.encrypts
      ? sealWaitText(this.#ring, id, answer, 'answer', answer.answer)
      : answer.answer
    const result = await this.#waits.answer({ id, answer: { ...answer, answer: text } }, audit)
    switch (result.kind) {
      case 'answered': {
        const { before, task, entry } = result.move
        const move = {
          before: before === null ? null : openTask(this.#open, before),
          task: openTask(this.#open, task),
          entry: openEntry(this.#open, id, entry),
        }
        return { ...result, move, wait: this.#opened(id, result.wait).wait }
      }
      case 'late':
        return {
          ...result,
          task: openTask(this.#open, result.task),
          wait: this.#opened(id, result.wait).wait,
        }
      case 'ended':
        return { ...result, task: openTask(this.#open, result.task) }
      default:
        return result
    }
  }

  async find(tokenHash: string): Promise<TaskWait | null> {
    const found = await this.#waits.find(tokenHash)
    return found === null ? null : this.#openedWait(found)
  }

  async list(query: WaitQuery): Promise<WaitPage> {
    const page = await this.#waits.list(query)
    return { ...page, waits: page.waits.map((wait) => this.#openedWait(wait)) }
  }

  #openedWait(found: TaskWait): TaskWait {
    return {
      ...found,
      task: openTask(this.#open, found.task),
      ...this.#opened(found.task.id, found.wait),
    }
  }

  #opened(id: TaskId, wait: Wait): Readonly<{ wait: Wait; unreadable?: string }> {
    return openWaitForPeople(this.#ring, id, wait)
  }
}
