import { setTimeout as sleep } from 'node:timers/promises'
import { signalIfThere } from './command/process-group.ts'
import {
  allProcesses,
  hasThreads,
  identityOf,
  markedProcesses,
  processSpaceOf,
  standingOf,
} from './process-marks.ts'

/** Milliseconds within which a killed process is gone, unless the kernel holds it. */
const goneWithin = 10_000
const lookEvery = 10

/**
 * Ends what earlier nodes of this machine left behind when they died together with everything that watched over them, so
 * that nothing of it runs beside what is started now. Returns the number of processes, once they are gone.
 */
export async function endLeftovers(): Promise<number> {
  const ended = new Set<number>()
  // When each killed process had started: a dying process no longer shows its marks, but it is not gone yet.
  const dying = new Map<number, string>()
  const until = performance.now() + goneWithin
  for (;;) {
    const left = leftovers()
    for (const { pid } of left) ended.add(pid)
    kill(left, dying)
    for (const [pid, start] of dying) if (!isThere(pid, start)) dying.delete(pid)
    if ((left.length === 0 && dying.size === 0) || performance.now() > until) return ended.size
    await sleep(lookEvery)
  }
}

type Leftover = Readonly<{ pid: number; group: number }>

/** Each with its group, since a member may have lost its marks. Adds all of them to `dying`. */
function kill(left: readonly Leftover[], dying: Map<number, string>): void {
  if (left.length === 0) return
  const pids = new Set(left.map(({ pid }) => pid))
  const groups = new Set(left.map(({ group }) => group).filter((group) => group > 1))
  for (const pid of allProcesses()) {
    const { group, start } = standingOf(pid)
    if (start !== undefined && (pids.has(pid) || groups.has(group))) dying.set(pid, start)
  }
  for (const group of groups) signalIfThere(-group, 'SIGKILL')
  for (const pid of pids) signalIfThere(pid, 'SIGKILL')
}

/** The main thread of a process may be a zombie while other threads still hold its memory, files and ports. */
function isThere(pid: number, since: string): boolean {
  const { start, state } = standingOf(pid)
  return start === since && (state !== 'Z' || hasThreads(pid))
}

/** A group belongs to a command or host, or to a daemon started by one of them; never to this process. */
function leftovers(): Leftover[] {
  const space = processSpaceOf(process.pid)
  return markedProcesses({ afresh: true }).flatMap(({ pid, task, node }) => {
    if (node === undefined || isAlive(node.node) || processSpaceOf(pid) !== space) return []
    const { group, state } = standingOf(pid)
    // What a handler has started belongs to its host as long as it is in the host's group; a daemon has left it
    // deliberately.
    if (
      state === undefined ||
      state === 'Z' ||
      (task === undefined && node.holder !== 0 && group !== node.holder)
    )
      return []
    return [{ pid, group }]
  })
}

function isAlive(node: string): boolean {
  return node === identityOf(Number(node.split('.')[1]))
}
