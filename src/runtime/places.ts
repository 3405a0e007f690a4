import type { Clock } from '../core/clock.ts'
import type { AnyTaskType, Place } from '../registry/type.ts'
import { CommandExecutor } from './command.ts'
import type { Executor } from './executor.ts'
import { inlineExecutor } from './inline.ts'
import { ThreadExecutor } from './thread.ts'

/** Runs each type in the place that its definition names. What the types need is started ahead of the first run. */
export function executorOf(types: Iterable<AnyTaskType>, clock: Clock, warmThreads?: number): Executor {
  const inline = inlineExecutor(clock)
  const threads = new ThreadExecutor(warmThreads)
  const commands = new CommandExecutor(clock)
  if ([...types].some(({ runs }) => runs === 'thread')) threads.warmUp()
  const places: Readonly<Record<Place, Executor>> = {
    inline,
    thread: threads,
    process: threads,
    command: commands,
  }
  return {
    start: (run, host) => places[run.type.runs].start(run, host),
    async close() {
      await Promise.all([threads.close(), commands.close()])
    },
  }
}
