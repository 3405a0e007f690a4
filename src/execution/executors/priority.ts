import { writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'

/** A tenth of the share of the node and other processes when all want more than there is; 19 would be almost nothing. */
const niceness = 10

/**
 * Gives a process, which leads a session of its own, a low priority, so that the API responds while all of them compute.
 * Linux divides processors among sessions first (autogroup): there, the niceness of the session counts, not that of its
 * processes.
 */
export function lowerPriority(pid: number): void {
  attempt(() => setPriority(pid, niceness))
  if (process.platform === 'linux') attempt(() => writeFileSync(`/proc/${pid}/autogroup`, String(niceness)))
}

/** It may have ended already, or the file does not exist: it then competes with the node. */
function attempt(lower: () => void): void {
  try {
    lower()
  } catch {
    // Unchanged.
  }
}
