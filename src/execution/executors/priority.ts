import { writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'

/** A tenth of what the node and others on the machine get when all want more than there is; 19 would be next to nothing. */
const niceness = 10

/**
 * Gives a process, which leads a session of its own, a low priority, so that the API answers while all of them compute.
 * Linux shares processors between sessions first (autogroup): there the niceness of the session counts, not of its
 * processes.
 */
export function lowerPriority(pid: number): void {
  attempt(() => setPriority(pid, niceness))
  if (process.platform === 'linux') attempt(() => writeFileSync(`/proc/${pid}/autogroup`, String(niceness)))
}

/** It may have ended already, or there is no such file: it competes with the node. */
function attempt(lower: () => void): void {
  try {
    lower()
  } catch {
    // As it was.
  }
}
