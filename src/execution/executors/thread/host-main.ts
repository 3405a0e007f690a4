import { toErrorRecord } from '../../../core/error-record.ts'
import { nodeVariable } from '../../../core/task-variables.ts'
import { HostedThread, type ThreadEvents } from './host-thread.ts'
import { inheritedLease } from '../lease.ts'
import { lowerPriority } from '../priority.ts'
import type { FromHost, Start, ToHost } from './protocol.ts'
import { isShortage } from '../shortage.ts'

/**
 * A process that holds threads for handlers. It passes words on between them and its node, and ends with the node, or with the
 * lease of the node.
 */

/** Idle threads that are kept in a busy time, and milliseconds after which those beyond the warm ones end. */
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
    // A thread that was ended by force leaves no one behind; one that is free again is back by then.
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

// What handlers start bears it: a next start of the node finds by it what both have left.
process.env[nodeVariable] = process.env[nodeVariable]?.replace(/\/\d+\.$/, `/${process.pid}.`)

// Before the first thread: threads have the priority of the one that starts them.
lowerPriority(process.pid)

process.on('message', (message: ToHost) => {
  if (message.kind === 'start') begin(message)
  else if (message.kind === 'kill') busy.get(message.run)?.kill()
  else busy.get(message.run)?.tell(message)
})
// Signals to a terminal's group are for the node, which drains and then tells.
process.on('SIGHUP', () => undefined)
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => undefined)
// The node is gone, and so is the whole group. A thread that is stuck in native code would hold up a polite exit.
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
    // They are started when they are needed.
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
  // The node may have died just now: its end is told by `disconnect`, and must not end this process before that.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}
