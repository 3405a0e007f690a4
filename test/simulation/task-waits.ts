import type { Json, TaskId } from '../../src/core/task.ts'
import { stepTitle as titleOf } from '../../src/core/step.ts'
import type { WaitKey } from '../../src/core/wait.ts'
import type { TaskManager } from '../../src/engine/task-manager.ts'
import type { Command, Controlled } from '../../src/store/store.ts'
import type { AnswerRequest, AnswerResult, Reached, ReachRequest } from '../../src/store/wait-store.ts'
import type { Chance } from '../support/chance.ts'
import type { Step } from './handlers.ts'
import type { LiveRun } from './live-runs.ts'
import { aim } from './stories.ts'
import type { Happening, Setting } from './script.ts'

/** In every sixth world, handlers ask, and callers answer. */
export function hasTaskWaits(chance: Chance): boolean {
  return chance.between(1, 6) === 1
}

/** How somebody answers. `holds`: milliseconds between the look at the wait and the answer by its token. */
export type AnswerDraft = Readonly<{
  name: string
  by: 'name' | 'token'
  holds: number
  /** An answer that does not fit what the handler asks for. */
  isMisfit: boolean
}>

/** What a handler hears: an answer, or that there was none in time. */
export type Heard = string | Readonly<{ timedOut: true }>

/** The number of the nth task that asks, for what happens to a task. */
export const asker = (nth: number): number => aim - 1 - nth

/** The place in the list of the tasks that ask; undefined for the number of another task. */
export const placeOfAsker = (number: number): number | undefined =>
  number < aim ? aim - 1 - number : undefined

/** Tasks that ask, and callers who answer: before, in time, twice, too late, while nodes die and others pause and cancel. */
export function withTaskWaits(chance: Chance, { length, machines }: Setting): readonly Happening[] {
  const happenings: Happening[] = []
  const tasks = chance.between(1, 3)
  for (let task = 0; task < tasks; task++) {
    const at = chance.between(0, length >> 2)
    const { steps, names } = questions(chance)
    happenings.push({
      at,
      kind: 'submit',
      node: chance.between(0, 99),
      drafts: [
        {
          type: chance.of(['inline', 'limited', 'threaded', 'fragile'])!,
          steps,
          priority: 0,
          maxAttempts: 4,
          backoff: chance.of([0, 1])!,
          ...(chance.next() < 0.2 ? { delay: chance.between(1, 3) } : {}),
        },
      ],
      waits: chance.next() < 0.2,
    })
    for (const name of names) {
      // Some are answered by several callers at almost the same time, some by nobody before the end.
      const first = at + chance.between(0, Math.max(1, length - at))
      const answers = chance.of([0, 1, 1, 2, 2, 3])!
      for (let nth = 0; nth < answers; nth++) {
        happenings.push({
          at: nth === 0 ? first : first + chance.of([0, 1, 5, 300, 3_000])!,
          kind: 'answer',
          node: chance.between(0, 99),
          task: asker(task),
          name,
          by: chance.next() < 0.6 ? 'name' : 'token',
          holds: chance.of([0, 0, 20, 1_500])!,
          isMisfit: chance.next() < 0.1,
        })
      }
    }
  }
  const disturbances = chance.between(1, 5)
  for (let nth = 0; nth < disturbances; nth++)
    happenings.push(disturbance(chance, tasks, length, chance.between(0, machines - 1)))
  return happenings.filter(({ at }) => at <= length)
}

function questions(chance: Chance): Readonly<{ steps: readonly Step[]; names: readonly string[] }> {
  const steps: Step[] = []
  const names: string[] = []
  // A run counts the uses of a name, so one that continues from a checkpoint must not use a name again.
  const reuses = chance.next() < 0.3
  const count = chance.between(1, 4)
  for (let nth = 0; nth < count; nth++) {
    if (chance.next() < 0.5) steps.push(['sleep', chance.of([1, 200, 1_500])!])
    const own = Array.from({ length: chance.next() < 0.2 ? 2 : 1 }, (_, index) =>
      reuses ? 'again' : `question ${nth}.${index}`,
    )
    steps.push(['ask', own, chance.of([null, null, 500, 2_000, 6_000])!])
    names.push(...own)
    if (!reuses && chance.next() < 0.3) steps.push(['checkpoint'])
    if (chance.next() < 0.15) steps.push(['throw', 1])
  }
  return { steps, names }
}

function disturbance(chance: Chance, tasks: number, length: number, machine: number): Happening {
  const at = chance.between(0, length)
  if (chance.next() < 0.4) return { at, kind: 'kill', machine, restartIn: chance.between(1, 3_000) }
  if (chance.next() < 0.3) return { at, kind: 'crash-run', machine }
  if (chance.next() < 0.3)
    return { at, kind: 'freeze', machine, whole: chance.next() < 0.5, ms: chance.of([300, 8_000, 25_000])! }
  const control = chance.of(['pause', 'pause', 'resume', 'cancel', 'retry'] as const)!
  const [node, task] = [chance.between(0, 99), asker(chance.between(0, tasks - 1))]
  return { at, kind: 'control', node, task, control, wait: 0, fromStart: chance.next() < 0.5 }
}

/** Answers as a caller does, and returns what was answered; undefined if it finds nothing to answer. */
export async function giveAnswer(
  manager: TaskManager,
  id: TaskId,
  { name, by, holds }: Omit<AnswerDraft, 'isMisfit'>,
  answer: unknown,
  pause: (ms: number) => Promise<void>,
): Promise<WaitKey | undefined> {
  if (by === 'name') return manager.waits.answer(id, name, answer)
  const { waits } = await manager.waits.of(id)
  const token = waits.find((wait) => wait.name === name && wait.status === 'open')?.token
  if (token == null) return undefined
  if (holds > 0) await pause(holds)
  return manager.waits.answerToken(token, answer)
}

type Asked = {
  readonly name: string
  /** When a run came to it; undefined before. */
  openedAt: number | undefined
  timeout: number | null
  /** The answer that was accepted, as text. */
  accepted: Json | undefined
  isEarly: boolean
  timedOut: boolean
}

const fits = (answer: Json): boolean => typeof JSON.parse(answer) === 'string'

/** Knows which waits and answers the store has committed. Each check returns what is wrong. */
export class WaitWitness {
  readonly #asked = new Map<TaskId, Map<string, Asked>>()
  /** Runs with this fence and those before it asked what no longer exists. */
  readonly #forgotten = new Map<TaskId, number>()
  readonly #tolerance: number

  /** `tolerance`: milliseconds by which the clock of the store may be wrong. */
  constructor(tolerance: number) {
    this.#tolerance = tolerance
  }

  /** A run looks at a wait. */
  reached({ id, reached }: ReachRequest, answer: Reached | 'full' | null, now: number): string | undefined {
    if (answer === null || answer === 'full') return undefined
    const { wait } = answer
    const known = this.#waitOf(id, reached)
    const title = `the wait ${titleOf(reached)} of ${id}`
    const { accepted, isEarly } = known
    if (reached.early === 'misfit' && isEarly && accepted !== undefined) {
      if (fits(accepted)) return `${title} drops an answer that fits: ${accepted}`
      known.accepted = undefined
      known.isEarly = false
    }
    if (known.openedAt === undefined && wait.status !== 'early') {
      known.openedAt = now
      known.timeout = reached.timeout
    }
    switch (wait.status) {
      case 'open':
        if (known.accepted !== undefined) return `${title} is open, although ${known.accepted} was accepted`
        return known.timedOut ? `${title} is open after it has timed out` : undefined
      case 'early':
      case 'answered':
        return known.accepted === wait.answer
          ? undefined
          : `${title} has the answer ${wait.answer}, but ${known.accepted ?? 'none'} was accepted`
      case 'timed_out': {
        if (known.accepted !== undefined) return `${title} times out, although ${known.accepted} was accepted`
        known.timedOut = true
        const waited = now - known.openedAt!
        return known.timeout !== null && waited + this.#tolerance >= known.timeout
          ? undefined
          : `${title} times out after ${waited} ms instead of ${known.timeout}`
      }
    }
  }

  answered({ id, answer }: AnswerRequest, result: AnswerResult): string | undefined {
    const known = this.#waitOf(id, answer)
    const title = `the wait ${titleOf(answer)} of ${id}`
    if (result.kind === 'late')
      return known.accepted !== undefined || known.timedOut
        ? undefined
        : `an answer to ${title} is refused as late, although there was none before`
    if (result.kind !== 'answered') return undefined
    if (known.timedOut) return `an answer to ${title} is accepted after it has timed out`
    if (known.accepted !== undefined)
      return `a second answer to ${title} is accepted: ${answer.answer} after ${known.accepted}`
    if (known.openedAt !== undefined && !fits(answer.answer))
      return `${title} accepts ${answer.answer}, which does not fit`
    known.accepted = answer.answer
    known.isEarly = answer.early
    return undefined
  }

  /** A retry from the start asks again. */
  controlled(commands: readonly Command[], answers: readonly Controlled[]): void {
    for (const [index, { id, control, fromStart }] of commands.entries()) {
      const answer = answers[index]
      if (control !== 'retry' || fromStart !== true || answer?.kind !== 'moved') continue
      this.#asked.delete(id)
      this.#forgotten.set(id, answer.before?.fence ?? 0)
    }
  }

  /** The code of a handler gets an answer. */
  heard({ identity: { id }, fence }: LiveRun, key: WaitKey, heard: Heard): string | undefined {
    if (fence <= (this.#forgotten.get(id) ?? 0)) return undefined
    const { accepted, timedOut } = this.#waitOf(id, key)
    const title = `the handler of ${id} with fence ${fence}`
    if (typeof heard !== 'string')
      return timedOut
        ? undefined
        : `${title} hears that ${titleOf(key)} has timed out, which nobody has stored`
    return accepted === JSON.stringify(heard)
      ? undefined
      : `${title} hears ${heard} for ${titleOf(key)}, but ${accepted ?? 'nothing'} was accepted`
  }

  /** What a caller is told: its answer is the one that was accepted. */
  accepted(id: TaskId, key: WaitKey, answer: unknown): string | undefined {
    const { accepted } = this.#waitOf(id, key)
    return accepted === undefined || accepted === JSON.stringify(answer)
      ? undefined
      : `${JSON.stringify(answer)} is acknowledged for ${titleOf(key)} of ${id}, but ${accepted} was accepted`
  }

  /** Whether an answer by this name may be refused because it is late. */
  mayBeLate(id: TaskId, name: string): boolean {
    return (
      this.#forgotten.has(id) ||
      this.#waitsOf(id).some(
        (asked) => asked.name === name && (asked.accepted !== undefined || asked.timedOut),
      )
    )
  }

  /** Names of the waits that only an answer ends. */
  open(id: TaskId): readonly string[] {
    return this.#waitsOf(id)
      .filter(
        ({ openedAt, accepted, timeout }) =>
          openedAt !== undefined && accepted === undefined && timeout === null,
      )
      .map(({ name }) => name)
  }

  #waitsOf(id: TaskId): readonly Asked[] {
    return [...(this.#asked.get(id)?.values() ?? [])]
  }

  #waitOf(id: TaskId, key: WaitKey): Asked {
    const all = this.#asked.get(id) ?? new Map<string, Asked>()
    this.#asked.set(id, all)
    const title = titleOf(key)
    const known = all.get(title) ?? {
      name: key.name,
      openedAt: undefined,
      timeout: null,
      accepted: undefined,
      isEarly: false,
      timedOut: false,
    }
    all.set(title, known)
    return known
  }
}
