import { fork, type ChildProcess } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FromGuard, ToGuard } from './guard-protocol.ts'

const entry = fileURLToPath(new URL(`./guard-main${extname(import.meta.filename)}`, import.meta.url))

/** Who hears about one command. */
export type CommandListener = (message: FromGuard | Readonly<{ kind: 'guard-died'; why: string }>) => void

/** The node's side of the guard process that starts its commands. */
export class Guard {
  readonly #child: ChildProcess
  readonly #listeners = new Map<number, CommandListener>()
  readonly #pids = new Map<number, number>()
  readonly #exited: Promise<void>
  #numbers = 0

  constructor(exited: () => void) {
    this.#child = fork(entry, [], { serialization: 'advanced', execArgv: [], stdio: ['ignore', 2, 2, 'ipc'] })
    this.#child.unref()
    this.#child.channel?.unref()
    this.#child.on('error', () => undefined)
    this.#child.on('message', (message: FromGuard) => this.#hear(message))
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        resolve()
        exited()
        this.#killGroups()
        const why = `the guard of its process ${signal === null ? `exited with code ${code}` : `was ended by ${signal}`}`
        for (const listener of this.#listeners.values()) listener({ kind: 'guard-died', why })
        this.#listeners.clear()
      })
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Answers the number of the command. */
  start(start: Omit<Extract<ToGuard, { kind: 'start' }>, 'kind' | 'run'>, listener: CommandListener): number {
    const run = ++this.#numbers
    this.#listeners.set(run, listener)
    this.send({ kind: 'start', run, ...start })
    return run
  }

  send(message: ToGuard): void {
    // A send that fails means that the guard is gone, which its exit tells.
    if (this.#child.connected) this.#child.send(message, () => undefined)
  }

  async close(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect()
    await this.#exited
  }

  #hear(message: FromGuard): void {
    const listener = this.#listeners.get(message.run)
    if (message.kind === 'started') this.#pids.set(message.run, message.pid)
    if (message.kind === 'ended') {
      this.#pids.delete(message.run)
      this.#listeners.delete(message.run)
    }
    listener?.(message)
  }

  /** A guard that died itself could not see to it. */
  #killGroups(): void {
    for (const pid of this.#pids.values()) {
      try {
        process.kill(-pid, 'SIGKILL')
      } catch {
        // Nobody is left in it.
      }
    }
  }
}
