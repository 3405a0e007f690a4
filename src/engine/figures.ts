import { LogHistogram } from '../core/log-histogram.ts'
import { isTerminal, type Task, type TimelineEntry } from '../core/task.ts'
import type { Counts } from '../store/store.ts'
import type { FigureRow } from '../store/figure-store.ts'
import {
  depths,
  happeningOf,
  happenings,
  levelsOf,
  type Depth,
  type Happening,
  type History,
  type Mark,
} from './rates.ts'

/** Milliseconds of a step. */
const length = 300_000
/** Milliseconds for which steps are kept: a day, and the step in which it begins. */
const kept = 86_400_000 + length
/** Steps that wait for a store which does not respond. The oldest ones are given up. */
const mostUnwritten = 24
/** The type of the rows of all types together. */
const all = ''

/** What is counted of one type in a step, or of all of them. Rows hold it as JSON, without histograms that are empty. */
type Body = Readonly<{
  /** In the order of `happenings`. */
  happened: readonly number[]
  /** Active time of completed tasks, and time in the queue of those that have ended after a start: see `LogHistogram.pairs`. */
  run?: LogHistogram['pairs']
  queue?: LogHistogram['pairs']
  /** In the order of `depths`: the maximum of each. */
  levels?: readonly number[]
  /** Of the node that wrote it: when it started, and its version. */
  node?: Mark
}>

class Tally {
  readonly happened = happenings.map(() => 0)
  readonly run = new LogHistogram()
  readonly queue = new LogHistogram()
  levels: number[] | undefined

  body(node: Mark | undefined): Body {
    const pairsOf = (name: 'run' | 'queue') => (this[name].count === 0 ? {} : { [name]: this[name].pairs })
    return {
      happened: this.happened,
      ...pairsOf('run'),
      ...pairsOf('queue'),
      ...(this.levels === undefined ? {} : { levels: this.levels }),
      ...(node === undefined ? {} : { node }),
    }
  }
}

type Step = Readonly<{ start: number; writer: string; types: Map<string, Tally>; unwritten: Set<string> }>

/**
 * What this node has counted in steps of five minutes, by type. It is written to the store every few seconds, each step in rows that only
 * this node writes, and added up over all nodes when it is read. A node that is killed loses what it has not written yet.
 */
export class Figures {
  readonly #node: () => Omit<Mark, 'at'>
  readonly #now: () => number
  #mark: Mark | undefined
  #steps: Step[] = []
  #made = 0

  /** `now`: Unix milliseconds, by the clock of the store. */
  constructor(node: () => Omit<Mark, 'at'>, now: () => number) {
    this.#node = node
    this.#now = now
  }

  /** Undefined before its start. */
  get mark(): Mark | undefined {
    return this.#mark
  }

  /** The node starts. */
  start(): void {
    this.#mark = { ...this.#node(), at: this.#now() }
    tallyOf(this.#step(), all)
  }

  /** A transition committed by this node. */
  note(task: Task, entry: TimelineEntry): void {
    const happening = happeningOf(entry)
    if (happening === undefined) return
    const step = this.#step()
    const index = happenings.indexOf(happening)
    const tally = tallyOf(step, task.type)
    tally.happened[index]! += 1
    tallyOf(step, all).happened[index]! += 1
    if (!isTerminal(task.status)) return
    if (task.status === 'completed') tally.run.observe(task.activeMs)
    if (task.startedAt !== null) tally.queue.observe(task.queuedMs)
  }

  saw(counts: Counts): void {
    const levels = levelsOf(counts)
    const step = this.#step()
    const known = step.types.get(all)?.levels
    if (known !== undefined && depths.every((depth, index) => known[index]! >= levels[depth])) return
    const tally = tallyOf(step, all)
    tally.levels = depths.map((depth, index) => Math.max(levels[depth], known?.[index] ?? 0))
  }

  /** What has changed since the last write, and the time before which nothing is kept. Undefined if nothing has. */
  async write(put: (rows: readonly FigureRow[], oldest: number) => Promise<void>): Promise<void> {
    const taken = this.#steps.map((step) => ({ step, types: [...step.unwritten] }))
    const rows = taken.flatMap(({ step, types }) => types.map((type) => this.#row(step, type)))
    if (rows.length === 0) return
    for (const { step } of taken) step.unwritten.clear()
    try {
      await put(rows, this.#now() - kept)
    } catch (error) {
      for (const { step, types } of taken) for (const type of types) step.unwritten.add(type)
      throw error
    }
    const newest = this.#steps.at(-1)
    this.#steps = this.#steps.filter((step) => step === newest || step.unwritten.size > 0)
  }

  /** Of one type, or of all; with what is not written yet in place of what is. */
  async history(
    { ms, type = all }: Readonly<{ ms: number; type?: string }>,
    since: (step: number, type: string) => Promise<readonly FigureRow[]>,
  ): Promise<History> {
    const now = this.#now()
    const first = startOf(now - ms) + length
    // Taken before the read: one that is written meanwhile may be in neither.
    const own = this.#steps.filter(({ start, types }) => start >= first && types.has(type))
    const stored = await since(first, type)
    const rows = [
      ...stored.filter((row) => !own.some(({ writer }) => writer === row.writer)),
      ...own.map((step) => this.#row(step, type)),
    ]
    const steps = Math.ceil((now + 1 - first) / length)
    const bodies = rows.flatMap(({ step, body }) => {
      const index = (step - first) / length
      return index < 0 || index >= steps ? [] : [{ index, body: JSON.parse(body) as Body }]
    })
    const happened = (of: Happening) => {
      const column = Array.from({ length: steps }, () => 0)
      for (const { index, body } of bodies) column[index]! += body.happened[happenings.indexOf(of)] ?? 0
      return column
    }
    const tasks = (of: Depth) => {
      const column = Array.from({ length: steps }, (): number | null => null)
      for (const { index, body } of bodies) {
        const level = body.levels?.[depths.indexOf(of)]
        if (level !== undefined) column[index] = Math.max(level, column[index] ?? 0)
      }
      return column
    }
    const histogram = (of: 'run' | 'queue') => LogHistogram.from(bodies.flatMap(({ body }) => body[of] ?? []))
    const marks = new Map(
      bodies.flatMap(({ body: { node } }) => (node === undefined ? [] : [[node.id, node]])),
    )
    return {
      step: length,
      covered: now - first,
      happened: Object.fromEntries(happenings.map((name) => [name, happened(name)])) as Record<
        Happening,
        number[]
      >,
      tasks: Object.fromEntries(depths.map((name) => [name, tasks(name)])) as Record<
        Depth,
        (number | null)[]
      >,
      marks: [...marks.values()].filter(({ at }) => at >= first).sort((a, b) => a.at - b.at),
      durations: type === all ? null : { run: histogram('run'), queue: histogram('queue') },
    }
  }

  #row(step: Step, type: string): FigureRow {
    const tally = step.types.get(type)!
    const body = JSON.stringify(tally.body(type === all ? this.#mark : undefined))
    return { step: step.start, writer: step.writer, type, body }
  }

  /** The current one. Each has a name of its own: if the clock is set back, it may begin when another one began. */
  #step(): Step {
    const start = startOf(this.#now())
    const newest = this.#steps.at(-1)
    if (newest?.start === start) return newest
    const writer = `${this.#node().id}/${(this.#made += 1)}`
    const step: Step = { start, writer, types: new Map(), unwritten: new Set() }
    this.#steps = [...this.#steps.filter(({ unwritten }) => unwritten.size > 0), step].slice(-mostUnwritten)
    return step
  }
}

function startOf(at: number): number {
  return at - (at % length)
}

function tallyOf({ types, unwritten }: Step, type: string): Tally {
  unwritten.add(type)
  let tally = types.get(type)
  if (tally === undefined) types.set(type, (tally = new Tally()))
  return tally
}
