import { fork, type ChildProcess } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { childExit } from '../child-exit.ts'
import { plainEnvironment } from './environment.ts'
import { ProcessGroup } from './process-group.ts'
import type { FromSupervisor, ToSupervisor } from './supervisor-protocol.ts'
import { leaseArgument, stdioWith, type Lease } from '../lease.ts'
import { identityOf, type Marks } from '../process-marks.ts'

const entry = fileURLToPath(new URL(`./supervisor-main${extname(import.meta.filename)}`, import.meta.url))

/** Milliseconds within which a live supervisor has killed a command, or has exited itself. */
const answersIn = 10_000

/** Listener for one command. `shortage`: there was no room for the supervisor itself. */
export type CommandListener = (
  message: FromSupervisor | Readonly<{ kind: 'supervisor-died'; why: string; shortage: boolean }>,
) => void

/** The node's side of the supervisor process that starts its commands. */
export class Supervisor {
  readonly #child: ChildProcess
  readonly #listeners = new Map<number, CommandListener>()
  readonly #marks = new Map<number, Marks>()
  readonly #groups = new Map<number, ProcessGroup>()
  readonly #exited: Promise<void>
  #numbers = 0

  constructor(lease: Lease | undefined, exited: () => void) {
    // In a session of its own, so that it survives what ends the node's group and can end the commands. Commands can
    // read the environment of the process that started them, so it gets none of the node's settings.
    this.#child = fork(entry, [leaseArgument(lease), identityOf(process.pid)], {
      serialization: 'advanced',
      execArgv: [],
      env: plainEnvironment(),
      detached: true,
      stdio: stdioWith(lease),
    })
    this.#child.unref()
    this.#child.channel?.unref()
    this.#child.on('message', (message: FromSupervisor) => this.#hear(message))
    this.#exited = childExit(this.#child).then(({ how, shortage }) => {
      exited()
      // A supervisor that died could not do this itself.
      for (const group of this.#groups.values()) group.kill()
      for (const listener of this.#listeners.values()) {
        listener({ kind: 'supervisor-died', why: `the supervisor of its process ${how}`, shortage })
      }
      this.#listeners.clear()
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Returns the number of the command. */
  start(
    start: Omit<Extract<ToSupervisor, { kind: 'start' }>, 'kind' | 'run'>,
    listener: CommandListener,
  ): number {
    const run = ++this.#numbers
    this.#listeners.set(run, listener)
    this.#marks.set(run, start.env as Marks)
    this.send({ kind: 'start', run, ...start })
    return run
  }

  send(message: ToSupervisor): void {
    // A failed send means that the supervisor is gone, which its exit reports.
    if (this.#child.connected) this.#child.send(message, () => undefined)
  }

  /** A supervisor that does not respond, because it is stopped, is killed with its commands. */
  kill(run: number): void {
    this.send({ kind: 'kill', run })
    setTimeout(() => {
      if (this.#listeners.has(run)) this.#child.kill('SIGKILL')
    }, answersIn).unref()
  }

  async close(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect()
    const late = setTimeout(() => this.#child.kill('SIGKILL'), answersIn)
    await this.#exited
    clearTimeout(late)
  }

  #hear(message: FromSupervisor): void {
    const { run } = message
    const listener = this.#listeners.get(run)
    const marks = this.#marks.get(run)
    if (message.kind === 'started' && marks !== undefined) {
      this.#groups.set(run, new ProcessGroup(message.pid, marks))
    }
    if (message.kind === 'ended') {
      this.#groups.delete(run)
      this.#marks.delete(run)
      this.#listeners.delete(run)
    }
    listener?.(message)
  }
}
