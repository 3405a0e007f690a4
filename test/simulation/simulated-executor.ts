import type { Ended, Execution, Executor, Run, RunCallbacks } from '../../src/execution/executors/executor.ts'
import { HandlerRun } from '../../src/execution/executors/task-context.ts'
import type { ThreadContext } from '../../src/registry/context.ts'
import type { Runtime } from '../../src/registry/type.ts'
import type { Chance } from '../support/chance.ts'
import { LiveRun, type RunWitness } from './live-runs.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { VirtualTime } from './virtual-time.ts'

export type SimulatedExecutorOptions = Readonly<{
  process: SimulatedProcess
  time: VirtualTime
  chance: Chance
  witness: RunWitness
  /** How often the lease of this process has ended; undefined without leases. */
  lease: Readonly<{ lapses: number }> | undefined
  /** Handlers work where they sleep: for worlds in which tasks compete for slots. */
  keepsSlots: boolean
  /** The node id under which this process runs code now. */
  node: () => string
}>

/** Milliseconds between two looks of a thread at the lease of its node. */
const lookEvery = 500

/**
 * Runs handlers as the real executors do, in one process: inline ones cannot be killed, while a thread or process can be
 * killed, can ignore that for a while, and can die by itself.
 */
export class SimulatedExecutor implements Executor {
  readonly #options: SimulatedExecutorOptions
  /** By the context that the handler sees. */
  readonly #runs = new WeakMap<object, LiveRun>()
  readonly #killable = new Set<Killable>()
  /** What is being started: the handler runs before its context is known. */
  #starting: LiveRun | undefined
  hasShortage = false

  constructor(options: SimulatedExecutorOptions) {
    this.#options = options
  }

  readonly runOf = (task: ThreadContext<unknown>): LiveRun => {
    const run = this.#runs.get(task) ?? this.#starting
    if (run === undefined) throw new Error('a handler that nobody has started')
    this.#runs.set(task, run)
    return run
  }

  start(run: Run, callbacks: RunCallbacks): Execution {
    const { process, time, witness, lease, node } = this.#options
    const canBeKilled = run.type.runs !== 'inline'
    const { id, attempt, fence } = run
    const identity = { id, type: run.type.type, attempt, process, node: node(), canBeKilled }
    const live = new LiveRun(identity, fence, time, witness)
    if (canBeKilled && this.hasShortage) {
      live.end()
      const why = 'the machine has no room for another thread'
      return still({ kind: 'given-back', why, cause: 'shortage', forced: false })
    }
    const whileItLives =
      <T extends readonly unknown[]>(call: (...args: T) => void) =>
      (...args: T) => {
        if (!live.hasEnded) call(...args)
      }
    const seen: RunCallbacks = {
      checkpoint: whileItLives(callbacks.checkpoint),
      progress: whileItLives(callbacks.progress),
      log: whileItLives(callbacks.log),
      displaced: whileItLives(callbacks.displaced),
      durable: async (state) => {
        if (live.hasEnded) return new Promise(() => {})
        return callbacks.durable(state)
      },
      recall: async (key) => {
        if (live.hasEnded) return new Promise(() => {})
        return callbacks.recall(key)
      },
      completedSteps: async () => [],
      step: async (report) => {
        if (live.hasEnded) return new Promise(() => {})
        return callbacks.step(report)
      },
      join: async (request) => {
        if (live.hasEnded) return new Promise(() => {})
        return callbacks.join(request)
      },
      outcomes: async (children) => {
        if (live.hasEnded) return new Promise(() => {})
        return callbacks.outcomes(children)
      },
      spawn: async (request) => {
        if (live.hasEnded) return new Promise(() => {})
        return callbacks.spawn(request)
      },
      wait: async (request) => {
        if (live.hasEnded) return new Promise(() => {})
        return callbacks.wait(request)
      },
      asleep: whileItLives((request) => {
        if (this.#options.keepsSlots) return handler.resume()
        live.suspend()
        callbacks.asleep(request)
      }),
      awake: whileItLives(callbacks.awake),
      suspended: whileItLives(() => {
        live.suspend()
        callbacks.suspended()
      }),
    }
    this.#starting = live
    const handler = new HandlerRun(run, seen, process.clock, { lease }).begin()
    this.#runs.set(handler, live)
    this.#starting = undefined
    const execution: Omit<Execution, 'done' | 'kill'> = {
      pause: () => handler.pause(),
      resume: (fence) => {
        if (live.hasEnded) return
        live.continue(fence)
        handler.resume(fence)
      },
      news: () => {
        if (!live.hasEnded) handler.news()
      },
      abort: (reason) => {
        if (live.hasEnded) return
        live.abort()
        handler.abort(reason)
      },
    }
    const ended = handler.done.then((end) =>
      live.hasEnded ? new Promise<Ended>(() => {}) : (live.end(), end),
    )
    if (!canBeKilled) return { ...execution, done: ended, kill: undefined }
    const killable = new Killable(live, ended, this.#options)
    this.#killable.add(killable)
    void killable.done.then(() => this.#killable.delete(killable))
    return { ...execution, done: killable.done, kill: () => killable.kill() }
  }

  /** The thread or process of some run dies. */
  crashOne(): boolean {
    const [first] = this.#killable
    first?.stop({ kind: 'died', why: 'its process has died' })
    return first !== undefined
  }

  /** Not bound to its object by those who call it. */
  readonly hasRoom = (runs: Runtime): boolean => runs === 'inline' || !this.hasShortage

  async close(): Promise<void> {}
}

/** Code in a thread or a process of its own. */
class Killable {
  readonly done: Promise<Ended>
  readonly #live: LiveRun
  readonly #options: SimulatedExecutorOptions
  readonly #lapses: number | undefined
  #stop!: (ended: Ended) => void
  #isOver = false

  constructor(live: LiveRun, ended: Promise<Ended>, options: SimulatedExecutorOptions) {
    this.#live = live
    this.#options = options
    this.#lapses = options.lease?.lapses
    const stopped = new Promise<Ended>((resolve) => {
      this.#stop = resolve
    })
    this.done = Promise.race([ended, stopped])
    void ended.then(() => {
      this.#isOver = true
    })
    if (options.lease !== undefined) this.#lookAtLease()
  }

  stop(ended: Ended): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#live.end()
    this.#stop(ended)
  }

  kill(): void {
    const { chance, process } = this.#options
    // Rarely, a process hangs in the kernel for longer than its node waits.
    const takes = chance.next() < 0.1 ? chance.between(1_000, 8_000) : chance.between(1, 50)
    process.clock.after(takes, () => this.stop({ kind: 'killed', how: 'terminated' }))
  }

  #lookAtLease(): void {
    const { process, lease } = this.#options
    process.clock.after(lookEvery, () => {
      if (this.#isOver) return
      if (lease?.lapses === this.#lapses) this.#lookAtLease()
      else {
        const why = 'the lease of its node has ended'
        this.stop({ kind: 'given-back', why, cause: 'lease', forced: true })
      }
    })
  }
}

function still(ended: Ended): Execution {
  const nothing = () => {}
  return {
    done: Promise.resolve(ended),
    pause: nothing,
    resume: nothing,
    news: nothing,
    abort: nothing,
    kill: nothing,
  }
}
