import { markedProcesses, standingOf, type Marks } from '../process-marks.ts'
import { isShortage } from '../shortage.ts'

/** The processes of one command: its group, and those that have left it to become daemons. */
export class ProcessGroup {
  readonly #leader: number
  readonly #marks: Marks

  constructor(leader: number, marks: Marks) {
    this.#leader = leader
    this.#marks = marks
  }

  signal(name: NodeJS.Signals): void {
    signalIfThere(-this.#leader, name)
    for (const pid of this.#escaped() ?? []) signalIfThere(pid, name)
  }

  /** Repeats until no process is left that could start another one. */
  kill(): void {
    signalIfThere(-this.#leader, 'SIGKILL')
    this.#killEscaped()
  }

  #killEscaped(): void {
    for (let round = 0; round < mostRounds; round++) {
      const left = this.#escaped()
      if (left === undefined) {
        setTimeout(() => this.#killEscaped(), lookAgainAfter).unref()
        return
      }
      if (left.length === 0) return
      for (const pid of left) signalIfThere(pid, 'SIGKILL')
    }
  }

  /** Undefined while this process has no descriptor left to look for them. */
  #escaped(): number[] | undefined {
    const { FERMATA_TASK_ID: id, FERMATA_FENCE: fence } = this.#marks
    let marked
    try {
      marked = markedProcesses()
    } catch (error) {
      if (isShortage(error)) return undefined
      throw error
    }
    return marked
      .filter(({ task }) => task?.id === id && task.fence === fence)
      .map(({ pid }) => pid)
      .filter((pid) => {
        const { group, state } = standingOf(pid)
        return group !== this.#leader && state !== 'Z'
      })
  }
}

/** Milliseconds. */
const lookAgainAfter = 1_000

/** A process that forks faster than it is killed would be a fork bomb, which no number of rounds ends. */
const mostRounds = 20

export function signalIfThere(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // None are left.
  }
}
