import { readdirSync, readFileSync } from 'node:fs'

/** Variables by which a process is known as one of a run's; every process inherits them, a daemon too. */
export type Marks = Readonly<{ FERMATA_TASK_ID: string; FERMATA_FENCE: string }>

/** The processes of one command: its group, and those that have left it to become daemons. */
export class ProcessGroup {
  readonly #leader: number
  readonly #marks: Marks

  constructor(leader: number, marks: Marks) {
    this.#leader = leader
    this.#marks = marks
  }

  signal(name: NodeJS.Signals): void {
    send(-this.#leader, name)
    for (const pid of this.#escaped()) send(pid, name)
  }

  /** Until nobody is left who could start another one. */
  kill(): void {
    send(-this.#leader, 'SIGKILL')
    for (let round = 0; round < mostRounds; round++) {
      const left = this.#escaped()
      if (left.length === 0) return
      for (const pid of left) send(pid, 'SIGKILL')
    }
  }

  #escaped(): number[] {
    const { FERMATA_TASK_ID: id, FERMATA_FENCE: fence } = this.#marks
    return markedProcesses()
      .filter(({ marks }) => marks.id === id && marks.fence === fence)
      .map(({ pid }) => pid)
      .filter((pid) => {
        const { group, state } = standingOf(pid)
        return group !== this.#leader && state !== 'Z'
      })
  }
}

/** A process that forks faster than it is killed would be a bomb, which no round ends. */
const mostRounds = 20

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // Nobody is left there.
  }
}

type Marked = Readonly<{ pid: number; marks: Readonly<{ id: string; fence: string }> }>

/** Processes that bear no marks: they cannot get any. Looked at again now and then, since numbers are used again. */
let foreign = new Set<string>()
let foreignFrom = 0
/** Milliseconds. */
const foreignFor = 5_000

/** Where there is no `/proc`, only groups are known. */
function markedProcesses(): Marked[] {
  if (process.platform !== 'linux') return []
  const names = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const known = performance.now() - foreignFrom < foreignFor ? foreign : new Set<string>()
  if (known !== foreign) foreignFrom = performance.now()
  foreign = new Set(names.filter((name) => known.has(name)))
  return names.flatMap((name) => {
    if (known.has(name)) return []
    const marks = marksOf(name)
    if (marks === undefined) foreign.add(name)
    return marks === undefined ? [] : [{ pid: Number(name), marks }]
  })
}

function marksOf(name: string): Marked['marks'] | undefined {
  const variables = read(`/proc/${name}/environ`)
  const id = /(?:^|\0)FERMATA_TASK_ID=([^\0]*)/.exec(variables)?.[1]
  const fence = /(?:^|\0)FERMATA_FENCE=([^\0]*)/.exec(variables)?.[1]
  return id === undefined || fence === undefined ? undefined : { id, fence }
}

/** The name in parentheses, which is free text, comes before the state; the group is two fields on. */
function standingOf(pid: number): Readonly<{ state: string | undefined; group: number }> {
  const [state, , group] = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? []
  return { state, group: Number(group) }
}

/** Empty for a process that is gone, or another user's. */
function read(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
