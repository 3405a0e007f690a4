import type { Clock } from '../../core/clock.ts'
import type { AnyTaskType, RunsAt, Runtime } from '../../registry/type.ts'
import { CommandExecutor } from './command/command.ts'
import type { Executor } from './executor.ts'
import { inlineExecutor } from './inline.ts'
import type { Lease } from './lease.ts'
import { Room } from './shortage.ts'
import { ThreadExecutor } from './thread/thread.ts'

type Settings = Readonly<{
  clock: Clock
  /** Idle threads to keep ready. */
  warmThreads?: number | undefined
  /** The lease of the node, if nodes have leases. */
  lease?: Lease | undefined
}>

/** Runs each type where its definition says. What the types need is started before the first run. */
export function executorOf(types: Iterable<AnyTaskType>, { clock, warmThreads, lease }: Settings): Executor {
  const room = new Room()
  const inline = inlineExecutor(clock, lease)
  const threads = new ThreadExecutor(warmThreads, lease, room)
  const commands = new CommandExecutor(clock, lease, room)
  if ([...types].some(({ runs }) => runs === 'thread')) threads.warmUp()
  const places: Readonly<Record<Runtime, Executor>> = {
    inline,
    thread: threads,
    process: threads,
    command: commands,
  }
  const placeOf = (runs: RunsAt) => {
    if (runs === 'remote') throw new Error('types of remote workers run nowhere else')
    return places[runs]
  }
  return {
    start: (run, callbacks) => placeOf(run.type.runs).start(run, callbacks),
    hasRoom: (runs) => placeOf(runs).hasRoom(runs),
    async close() {
      lease?.close()
      await Promise.all([threads.close(), commands.close()])
    },
  }
}
