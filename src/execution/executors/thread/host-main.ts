import { toErrorRecord } from '../../../core/error-record.ts'
import { nodeVariable } from '../../../core/task-variables.ts'
import { HostedThread, type ThreadEvents } from './host-thread.ts'
import { inheritedLease } from '../lease.ts'
import { lowerPriority } from '../priority.ts'
import type { FromHost, Start, ToHost } from './protocol.ts'
import { isShortage } from '../shortage.ts'

/**
 * A process that holds threads for handlers. It relays messages between them and its node, and ends with the node or with
 * the node's lease.
 */

/** Idle threads kept in a busy period, and milliseconds after which those beyond the warm ones end. */
const mostIdle = 16
const trimEvery = 10_000
/** Idle threads that are kept warm. */
const warm = Number(process.argv[2] ?? 1)
const lease = inheritedLease(process.argv[3])

const idle: HostedThread[] = []
const busy = new Map<number, HostedThread>()

const events: ThreadEvents = {
  says: report,
  ended(run) {
    busy.delete(run)
    // A terminated thread leaves nothing behind; one that is free again is back by then.
    setImmediate(keepWarm)
  },
  isFree(thread) {
    if (idle.length >= Math.max(warm, mostIdle)) return false
    idle.push(thread)
    return true
  },
  gone(thread) {
    const place = idle.indexOf(thread)
    if (place !== -1) idle.splice(place, 1)
  },
}

// What handlers start inherits it: the next start of the node uses it to find leftovers of both.
process.env[nodeVariable] = process.env[nodeVariable]?.replace(/\/\d+\.$/, `/${process.pid}.`)

// Before the first thread: threads inherit the priority of their creator.
lowerPriority(process.pid)

process.on('message', (message: ToHost) => {
  if (message.kind === 'start') begin(message)
  else if (message.kind === 'kill') busy.get(message.run)?.kill()
  else busy.get(message.run)?.tell(message)
})
// Signals to the terminal's group are for the node, which drains and then tells this process.
process.on('SIGHUP', () => undefined)
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => undefined)
// The node is gone, and so is the whole group. A thread stuck in native code would delay a regular exit.
process.on('disconnect', endGroup)
// So is the lease: others may run what runs here.
lease?.watch(() => {
  if ([...busy.values()].some(({ lapses }) => lapses !== lease.lapses)) endGroup()
})
keepWarm()

setInterval(() => {
  for (const thread of idle.splice(warm)) thread.end()
}, trimEvery)

function endGroup(): void {
  process.kill(-process.pid, 'SIGKILL')
}

function keepWarm(): void {
  try {
    while (idle.length + busy.size < warm) idle.push(new HostedThread(null, lease, events))
  } catch (error) {
    // They are started when needed.
    if (!isShortage(error)) throw error
  }
}

function begin(start: Start): void {
  const ready = start.memory === null ? idle.pop() : undefined
  try {
    const thread = ready ?? new HostedThread(start.memory, lease, events)
    busy.set(start.run, thread)
    thread.begin(start)
  } catch (error) {
    const why = `a thread cannot be started: ${toErrorRecord(error).message}`
    const ended = isShortage(error)
      ? ({ kind: 'given-back', why, cause: 'shortage', forced: false } as const)
      : ({ kind: 'threw', error: toErrorRecord(error), final: true } as const)
    report({ kind: 'ended', run: start.run, ended, clean: false })
  }
}

function report(message: FromHost): void {
  // The node may have died just now: `disconnect` reports its end, and nothing must end this process before that.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}
