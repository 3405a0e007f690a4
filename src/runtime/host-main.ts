import { HostedThread, type ThreadEvents } from './host-thread.ts'
import { lowerPriority } from './priority.ts'
import type { FromHost, Start, ToHost } from './protocol.ts'

/** A process that holds threads for handlers. It passes words on between them and its node, and ends with the node. */

/** Idle threads that are kept in a busy time, and milliseconds after which those beyond the warm ones end. */
const mostIdle = 16
const trimEvery = 10_000
/** Idle threads that are kept warm. */
const warm = Number(process.argv[2] ?? 1)

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
process.on('disconnect', () => process.kill(-process.pid, 'SIGKILL'))
keepWarm()

setInterval(() => {
  for (const thread of idle.splice(warm)) thread.end()
}, trimEvery)

function keepWarm(): void {
  while (idle.length + busy.size < warm) idle.push(new HostedThread(null, events))
}

function begin(start: Start): void {
  const ready = start.memory === null ? idle.pop() : undefined
  const thread = ready ?? new HostedThread(start.memory, events)
  busy.set(start.run, thread)
  thread.begin(start)
}

function report(message: FromHost): void {
  // The node may have died just now: its end is told by `disconnect`, and must not end this process before that.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}
