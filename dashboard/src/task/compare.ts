import type { LogLine, TaskDetails } from '../data/shapes.ts'
import { errorWords } from '../kit/errors.ts'
import { say } from '../language/say.ts'
import { durationWords, exactWords } from '../time/words.ts'
import { withoutAnsi } from './ansi.ts'
import { eventName } from './events.ts'

type Attempt = TaskDetails['attempts'][number]

/** A fact about two attempts, in words. */
export type Compared = Readonly<{ name: string; values: readonly [string, string]; isSame: boolean }>

/** What is known of two attempts, side by side. */
export function factsOf(task: TaskDetails, pair: readonly [Attempt, Attempt]): readonly Compared[] {
  const fact = (name: string, valueOf: (attempt: Attempt) => string): Compared => {
    const values = [valueOf(pair[0]), valueOf(pair[1])] as const
    return { name, values, isSame: values[0] === values[1] }
  }
  return [
    fact(say.task.outcome, outcomeOf),
    fact(say.common.error, ({ error }) => (error === null ? say.common.none : errorWords(error))),
    fact(say.common.duration, ({ started_at: from, ended_at: to }) =>
      to === null ? say.common.inProgress : from === null ? say.common.unknown : durationWords(to - from),
    ),
    fact(say.common.started, ({ started_at: at }) => (at === null ? say.common.unknown : exactWords(at))),
    fact(say.common.node, ({ attempt }) => nodesOf(task, attempt).join(', ') || say.common.unknown),
  ]
}

function outcomeOf({ ended_at: to, event }: Attempt): string {
  if (to === null) return say.common.inProgress
  return event === null ? say.common.finished : eventName(event)
}

/** The nodes that ran the attempt, in their order: a resumed one may run on another. */
export function nodesOf({ timeline }: Pick<TaskDetails, 'timeline'>, attempt: number): readonly string[] {
  const claims = timeline.filter((line) => line.attempt === attempt && line.event === 'claimed')
  return [...new Set(claims.map(({ by }) => by))]
}

/** A line of a log; whether the log of the other attempt has one with the same text. */
export type ComparedLine = Readonly<{ number: number; at: number; text: string; isShared: boolean }>

/** The log lines of two attempts. Numbers do not count: times, ids and amounts differ in any two runs. */
export function linesOf(
  log: readonly LogLine[],
  [one, other]: readonly [number, number],
): readonly [readonly ComparedLine[], readonly ComparedLine[]] {
  const side = (attempt: number) =>
    log
      .filter((line) => line.attempt === attempt)
      .map(({ number, at, message }) => ({ number, at, text: withoutAnsi(message) }))
  const sides = [side(one), side(other)] as const
  const known = sides.map((lines) => new Set(lines.map(({ text }) => withoutNumbers(text))))
  const compared = (place: 0 | 1) =>
    sides[place].map((line) => ({
      ...line,
      isShared: known[1 - place]?.has(withoutNumbers(line.text)) === true,
    }))
  return [compared(0), compared(1)]
}

function withoutNumbers(text: string): string {
  return text.replaceAll(/\d+(?:\.\d+)?/g, '0')
}
