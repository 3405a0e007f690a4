import { setTimeout as sleep } from 'node:timers/promises'
import { signalIfThere } from './group.ts'
import { identityOf, markedProcesses, processSpaceOf, standingOf } from './marks.ts'

/** Milliseconds in which a killed process is gone, unless the kernel holds it. */
const goneWithin = 10_000
const lookEvery = 10

/**
 * Ends what nodes of this machine have left that died together with all that watched over it, so that nothing of it runs beside what
 * is started now. Answers how many processes they were, once they are gone.
 */
export async function endLeftovers(): Promise<number> {
  const ended = new Set<number>()
  const until = performance.now() + goneWithin
  for (;;) {
    const left = leftovers()
    for (const { pid, group } of left) {
      ended.add(pid)
      // Its group too: a member may have no marks any more.
      if (group > 1) signalIfThere(-group, 'SIGKILL')
      signalIfThere(pid, 'SIGKILL')
    }
    if (left.length === 0 || performance.now() > until) return ended.size
    await sleep(lookEvery)
  }
}

/** A group is a command's or a host's own, or that of a daemon which one of them started; never that of this process. */
function leftovers(): Readonly<{ pid: number; group: number }>[] {
  const space = processSpaceOf(process.pid)
  return markedProcesses().flatMap(({ pid, task, node }) => {
    if (node === undefined || isAlive(node.node) || processSpaceOf(pid) !== space) return []
    const { group, state } = standingOf(pid)
    // What a handler has started is its host's as long as it is in its group; a daemon has left it to stay.
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
