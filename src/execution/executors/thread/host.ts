import { fork, type ChildProcess } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodeVariable } from '../../../core/task-variables.ts'
import { linesOf } from '../backlog.ts'
import { childExit } from '../child-exit.ts'
import type { Ended, Execution, RunCallbacks, Run } from '../executor.ts'
import { leaseArgument, leaseOver, stdioWith, type Lease } from '../lease.ts'
import { identityOf, nodeMark } from '../process-marks.ts'
import type { FromHost, Reason, Start, ToHost } from './protocol.ts'

const entry = fileURLToPath(new URL(`./host-main${extname(import.meta.filename)}`, import.meta.url))

/** Milliseconds within which a live host has confirmed that a run ended; otherwise it is stuck. */
const answersIn = 10_000

/** Messages from a host process to the executor that keeps it. */
export type HostEvents = Readonly<{
  /** A thread in it cannot be terminated. */
  stuck(host: HostProcess): void
  /** A run has ended, and the host is alive. */
  ended(host: HostProcess): void
  /** It had no room for another run, or could not be started. */
  shortage(host: HostProcess): void
  exited(host: HostProcess): void
}>

/** The node's side of a process that holds threads for handlers. */
export class HostProcess {
  readonly #child: ChildProcess
  readonly #events: HostEvents
  readonly #lease: Lease | undefined
  readonly #runs = new Map<number, HostedRun>()
  readonly #exited: Promise<void>
  #numbers = 0

  /** `warm`: idle threads that it keeps. */
  constructor(warm: number, lease: Lease | undefined, events: HostEvents) {
    this.#events = events
    this.#lease = lease
    // What handlers print goes to the node's standard error, since its standard output may be read by a program. It has
    // its own group, so that programs started by handlers end with it, and not by a signal to the node's terminal.
    this.#child = fork(entry, [String(warm), leaseArgument(lease)], {
      serialization: 'advanced',
      execArgv: conditions(),
      env: { ...process.env, [nodeVariable]: nodeMark({ node: identityOf(process.pid), holder: 0 }) },
      detached: true,
      stdio: stdioWith(lease),
    })
    this.#child.unref()
    this.#child.channel?.unref()
    this.#child.on('message', (message: FromHost) => this.#hear(message))
    this.#exited = childExit(this.#child).then(({ how, shortage }) => {
      this.#killGroup()
      events.exited(this)
      if (shortage) events.shortage(this)
      const runs = [...this.#runs.values()]
      const ended: Ended = shortage
        ? { kind: 'given-back', why: `its process ${how}`, cause: 'shortage', forced: false }
        : runs.some(({ outlivedLease }) => outlivedLease)
          ? { kind: 'given-back', why: leaseOver, cause: 'lease', forced: true }
          : { kind: 'died', why: `its process ${how}` }
      for (const run of runs) run.processEnded(ended)
      this.#runs.clear()
    })
  }

  get runs(): Iterable<HostedRun> {
    return this.#runs.values()
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** `alone`: no other run is in this process, so it can be killed with its run. */
  start(run: Run, host: RunCallbacks, { alone }: Readonly<{ alone: boolean }>): Execution {
    const number = ++this.#numbers
    const hosted = new HostedRun(number, host, this.#lease, {
      send: (message) => this.#send(message),
      kill: () => (alone ? this.kill() : this.#killRun(number)),
    })
    this.#runs.set(number, hosted)
    this.#send({
      kind: 'start',
      run: number,
      module: run.type.module ?? '',
      type: run.type.type,
      id: run.id,
      attempt: run.attempt,
      fence: run.fence,
      parameters: run.parameters,
      checkpoint: run.checkpoint,
      crashes: run.crashes,
      sleeps: run.sleeps,
      trace: run.trace,
      memory: run.type.memory,
    } satisfies Start)
    return hosted
  }

  /** A host that does not respond, because it is stopped, is killed with all its runs. */
  #killRun(number: number): void {
    this.#send({ kind: 'kill', run: number })
    setTimeout(() => {
      if (this.#runs.get(number)?.stuck === false) this.kill()
    }, answersIn).unref()
  }

  kill(): void {
    this.#child.kill('SIGKILL')
    this.#killGroup()
  }

  async close(): Promise<void> {
    this.kill()
    await this.#exited
  }

  /** What handlers have started and left behind. */
  #killGroup(): void {
    try {
      if (this.pid !== undefined) process.kill(-this.pid, 'SIGKILL')
    } catch {
      // Nothing is left in it.
    }
  }

  #send(message: ToHost): void {
    // A failed send means that the process is gone, which its exit reports.
    if (this.#child.connected) this.#child.send(message, () => undefined)
  }

  #hear(message: FromHost): void {
    const run = this.#runs.get(message.run)
    if (run === undefined) return
    if (message.kind === 'ended') {
      this.#runs.delete(message.run)
      const { ended } = message
      if (ended.kind === 'given-back' && ended.cause === 'shortage') this.#events.shortage(this)
      run.end(ended)
      this.#events.ended(this)
    } else if (message.kind === 'stuck') {
      run.stuck = true
      this.#events.stuck(this)
    } else {
      run.hear(message)
    }
  }
}

type Line = Readonly<{ send(message: ToHost): void; kill(): void }>

/** A run in another process. */
class HostedRun implements Execution {
  readonly done: Promise<Ended>
  readonly host: RunCallbacks
  stuck = false
  readonly #number: number
  readonly #line: Line
  readonly #lease: Lease | undefined
  readonly #lapses: number
  #killed = false
  #end!: (ended: Ended) => void

  constructor(number: number, host: RunCallbacks, lease: Lease | undefined, line: Line) {
    this.#number = number
    this.host = host
    this.#lease = lease
    this.#lapses = lease?.lapses ?? 0
    this.#line = line
    this.done = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  pause(): void {
    this.#line.send({ kind: 'pause', run: this.#number })
  }

  resume(fence?: number): void {
    this.#line.send({ kind: 'resume', run: this.#number, fence })
  }

  news(): void {
    this.#line.send({ kind: 'news', run: this.#number })
  }

  abort(reason: Error & Partial<Reason>): void {
    const { code = 'UNWOUND', message } = reason
    this.#line.send({ kind: 'abort', run: this.#number, reason: { code, message } })
  }

  readonly kill = (): void => {
    this.#killed = true
    this.#line.kill()
  }

  end(ended: Ended): void {
    this.#end(ended)
  }

  /** `ended`: how the process ended, for all runs that were not ended individually. */
  processEnded(ended: Ended): void {
    this.#end(this.#killed ? { kind: 'killed', how: 'killed' } : ended)
  }

  /** Its process exits on its own then. */
  get outlivedLease(): boolean {
    return this.#lease !== undefined && this.#lease.lapses !== this.#lapses
  }

  hear(message: Exclude<FromHost, { kind: 'ended' | 'stuck' }>): void {
    switch (message.kind) {
      case 'checkpoint':
        this.host.checkpoint(message.state)
        break
      case 'durable':
        return this.#answer(message.call, this.host.durable(message.state))
      case 'step':
        return this.#answer(message.call, this.host.step(message.report))
      case 'recall':
        return this.#answer(message.call, this.host.recall(message.key))
      case 'spawn':
        return this.#answer(message.call, this.host.spawn(message.request))
      case 'wait':
        return this.#answer(message.call, this.host.wait(message.request))
      case 'join':
        return this.#answer(message.call, this.host.join(message.request))
      case 'outcomes':
        return this.#answer(message.call, this.host.outcomes(message.children))
      case 'progress':
        this.host.progress(message.progress)
        break
      case 'log':
        for (const line of linesOf(message.log)) this.host.log(line)
        break
      case 'asleep':
        this.host.asleep(message.request)
        break
      case 'awake':
        this.host.awake(message.early)
        break
      case 'suspended':
        this.host.suspended()
    }
  }

  #answer(call: number, called: Promise<unknown>): void {
    void called.then((answer) => this.#line.send({ kind: 'answer', run: this.#number, call, answer }))
  }
}

/** Of the node's own flags, only those that affect module resolution. */
function conditions(): string[] {
  return process.execArgv.filter((flag) => flag.startsWith('--conditions='))
}
