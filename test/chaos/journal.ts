import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

/** One line that a handler wrote. `at`: milliseconds on a clock that all processes of the machine share. */
export type JournalLine = Readonly<{
  at: number
  pid: number
  /** Number of the handler in its process. */
  run: number
  type: string
  id: string
  fence: number
  /** `in` and `out`: around work that needs its slot; `durable`: a checkpoint that was acknowledged as durable. */
  what: 'start' | 'in' | 'out' | 'durable' | 'left'
  next: number
}>

/** What happened to the processes and the database, on the same clock. */
export type Happened = Readonly<{
  /** When each process had ended, by pid. */
  ended: ReadonlyMap<number, number>
  /** `awake`: when it answered again, which takes a while on a busy machine. */
  frozen: readonly Readonly<{ pid: number; from: number; to: number; awake: number }>[]
  /** Of the database; for one process only if it has a `pid`. */
  outages: readonly Readonly<{ from: number; to: number; pid?: number }>[]
  /** Milliseconds. */
  lease: number
}>

/** One handler from its start to its end. Its fence rises when it continues after being parked. */
export type Run = Readonly<{ id: string; type: string; pid: number; lines: readonly JournalLine[] }>

/** Milliseconds within which a node must stop its handlers after it wakes with an expired lease. */
const wakesWithin = 2_000

export function monotonic(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000
}

export function readRuns(path: string): Run[] {
  const runs = new Map<string, JournalLine[]>()
  for (const text of readFileSync(path, 'utf8').split('\n')) {
    if (text === '') continue
    const line = JSON.parse(text) as JournalLine
    const key = `${line.pid} ${line.run}`
    const lines = runs.get(key)
    if (lines === undefined) runs.set(key, [line])
    else lines.push(line)
  }
  return [...runs.values()].map((lines) => {
    const { id, type, pid } = lines[0]!
    return { id, type, pid, lines }
  })
}

/** Each run starts at or after the newest durable checkpoint of earlier runs. Returns how many continued from a checkpoint. */
export function checkResumes(runs: readonly Run[]): number {
  let resumed = 0
  for (const [id, ofTask] of Map.groupBy(runs, (run) => run.id)) {
    const lines = ofTask.flatMap((run) => run.lines).sort((a, b) => a.fence - b.fence || a.at - b.at)
    let durable = 0
    for (const { what, next, fence } of lines) {
      if (what === 'durable') durable = Math.max(durable, next)
      if (what !== 'start') continue
      assert(next >= durable, `${id}, fence ${fence}, starts at ${next}, after a durable ${durable}`)
      if (next > 0) resumed += 1
    }
  }
  return resumed
}

type Stretch = Readonly<{ from: number; to: number }>

/** The limit of the type holds at all times, according to the handlers themselves. Returns the maximum that worked at once. */
export function checkLimit(runs: readonly Run[], type: string, limit: number, happened: Happened): number {
  const edges = runs
    .filter((run) => run.type === type)
    .flatMap((run) => workOf(run, happened).map((stretch) => ({ ...stretch, run })))
    .flatMap((one) => [
      { at: one.from, begins: true, one },
      { at: one.to, begins: false, one },
    ])
    .sort((a, b) => a.at - b.at || Number(a.begins) - Number(b.begins))
  const working = new Set<(typeof edges)[number]['one']>()
  let most = 0
  for (const { at, begins, one } of edges) {
    if (begins) working.add(one)
    else working.delete(one)
    most = Math.max(most, working.size)
    const told = () => {
      const all = [...working].map(({ from, to, run: { id, pid, lines } }) => ({ id, pid, from, to, lines }))
      return JSON.stringify({ at, all, happened: around(happened, at) })
    }
    assert(working.size <= limit, `${working.size} of the type ${type} work at once: ${told()}`)
  }
  return most
}

/** What happened shortly before and after. */
function around({ ended, frozen, outages }: Happened, at: number): unknown {
  const near = ({ from, to }: Stretch) => from < at + 10_000 && to > at - 20_000
  return {
    ended: [...ended].filter(([, when]) => Math.abs(when - at) < 20_000),
    frozen: frozen.filter(near),
    outages: outages.filter(near),
  }
}

/** No two runs of a task work at once. */
export function checkAlone(runs: readonly Run[], happened: Happened): void {
  for (const [id, ofTask] of Map.groupBy(runs, (run) => run.id)) {
    const stretches = ofTask
      .flatMap((run) => workOf(run, happened).map((stretch) => ({ ...stretch, run })))
      .sort((a, b) => a.from - b.from)
    for (const [index, stretch] of stretches.entries()) {
      const before = stretches[index - 1]
      if (before === undefined) continue
      const told = () => JSON.stringify([before.run.lines, stretch.run.lines])
      assert(stretch.from >= before.to, `two runs of ${id} work at once: ${told()}`)
    }
  }
}

/**
 * The periods in which a run worked. A frozen or ended process does no work. What a process does after it wakes, until it
 * notices that its lease has expired, is checked separately.
 */
function workOf({ lines, pid }: Run, { ended, frozen, lease }: Happened): Stretch[] {
  const stretches: Stretch[] = []
  const begun = lines[0]!.at
  const wakes = ({ at }: JournalLine) =>
    frozen.some(
      (one) =>
        one.pid === pid &&
        one.to - one.from > lease / 2 &&
        begun < one.from &&
        at >= one.to &&
        at <= one.awake + wakesWithin,
    )
  for (const [index, line] of lines.entries()) {
    if (line.what !== 'in' || wakes(line)) continue
    const out = lines.slice(index).find(({ what, next }) => what === 'out' && next === line.next)
    const to = out?.at ?? ended.get(pid) ?? Number.POSITIVE_INFINITY
    // The freeze is noted before the signal is sent: the process may begin a step in between.
    const frost = frozen.find((one) => one.pid === pid && one.from < to && one.to > line.at)
    const lost = frost !== undefined && (frost.to - frost.from > lease / 2 || ended.has(pid))
    const end = lost ? frost.from : to
    if (end > line.at) stretches.push({ from: line.at, to: end })
  }
  return stretches
}

/** Milliseconds that the slowest handler took to stop after its node woke with an expired lease. */
export function slowestStop(runs: readonly Run[], happened: Happened): number {
  let slowest = 0
  for (const { pid, from, to, awake } of happened.frozen) {
    if (to - from <= happened.lease) continue
    for (const { id, lines } of runs.filter((run) => run.pid === pid)) {
      const before = lines.some(({ at }) => at < from)
      const left = lines.find(({ what }) => what === 'left')?.at ?? happened.ended.get(pid)
      if (!before || (left !== undefined && left < from)) continue
      assert(left !== undefined, `a run of ${id} never stopped`)
      assert(
        left - awake <= wakesWithin,
        `a run of ${id} stopped ${Math.round(left - to)} ms after its node woke`,
      )
      slowest = Math.max(slowest, left - to)
    }
  }
  return slowest
}

/** When the database is unavailable for longer than a lease, handlers stop before the lease expires. Returns how many did. */
export function checkOutages(runs: readonly Run[], happened: Happened): number {
  let stopped = 0
  for (const { from, to, pid: only } of happened.outages) {
    if (to - from <= happened.lease) continue
    for (const { id, lines, pid } of runs) {
      if (only !== undefined && only !== pid) continue
      const work = lines.filter(({ at }) => at > from + happened.lease && at < to)
      const touched = happened.frozen.some((frost) => frost.pid === pid && frost.to > from && frost.from < to)
      if (touched) continue
      assert(
        work.length === 0,
        `a run of ${id} continues without a lease: ${JSON.stringify(work[0])}, ${Math.round((work[0]?.at ?? 0) - from)} ms after it lost the database`,
      )
      if (lines.some(({ at, what }) => what === 'left' && at > from && at < to)) stopped += 1
    }
  }
  return stopped
}
