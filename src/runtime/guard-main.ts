import { spawn, type ChildProcess } from 'node:child_process'
import { setPriority } from 'node:os'
import type { FromGuard, ToGuard } from './guard-protocol.ts'
import { Lines } from './lines.ts'

/**
 * The guard: a small process that starts the commands of a node, each in a process group of its own, and kills the groups when
 * its line to the node breaks. So nothing of them outlives a node that was killed.
 */

/** Lower than the node, so that the API answers while all commands compute. */
const niceness = 10
/** Milliseconds for which output gathers. */
const gatherFor = 20
/** Milliseconds that descendants may hold the output open after the command itself has ended. */
const lingersFor = 200

const commands = new Map<number, Command>()

process.on('message', (message: ToGuard) => {
  if (message.kind === 'start') commands.set(message.run, new Command(message))
  else commands.get(message.run)?.obey(message)
})
process.on('disconnect', () => {
  for (const command of commands.values()) command.signal('SIGKILL')
  process.exit(0)
})
// Signals to a terminal's group are for the node, which drains and then tells.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => undefined)

function report(message: FromGuard): void {
  if (process.connected) process.send?.(message)
}

type Start = Extract<ToGuard, { kind: 'start' }>

class Command {
  readonly #run: number
  readonly #child: ChildProcess
  readonly #streams: readonly Lines[]
  #flush: NodeJS.Timeout | undefined
  #over = false

  constructor({ run, file, args, env, cwd, input, listens }: Start) {
    this.#run = run
    this.#child = spawn(file, args, { cwd, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
    const soon = () => {
      this.#flush ??= setTimeout(() => this.#report(), gatherFor)
    }
    this.#streams = [
      new Lines('stdout', this.#child.stdout, soon),
      new Lines('stderr', this.#child.stderr, soon),
    ]
    this.#child.stdin?.on('error', () => undefined)
    this.#child.stdin?.write(`${input}\n`)
    if (!listens) this.#child.stdin?.end()
    this.#child.on('error', (error) => this.#end(null, null, error.message))
    this.#child.on('exit', (code, signal) => {
      // What the command left behind in its group goes with it.
      this.signal('SIGKILL')
      const late = setTimeout(() => this.#end(code, signal, null), lingersFor)
      this.#child.once('close', () => {
        clearTimeout(late)
        this.#end(code, signal, null)
      })
    })
    const { pid } = this.#child
    if (pid === undefined) return
    try {
      setPriority(pid, niceness)
    } catch {
      // It has ended already, or lower is not allowed.
    }
    report({ kind: 'started', run, pid })
  }

  obey(message: Exclude<ToGuard, Start>): void {
    switch (message.kind) {
      case 'freeze':
        this.signal('SIGSTOP')
        this.#report()
        report({ kind: 'frozen', run: this.#run })
        break
      case 'thaw':
        this.signal('SIGCONT')
        break
      case 'stop':
        // A stopped process takes a signal only once it goes on.
        this.signal('SIGTERM')
        this.signal('SIGCONT')
        break
      case 'kill':
        this.signal('SIGKILL')
        break
      case 'ask':
        this.#child.stdin?.write(`${message.line}\n`)
    }
  }

  /** To the whole group. */
  signal(name: NodeJS.Signals): void {
    const { pid } = this.#child
    if (pid === undefined || this.#over) return
    try {
      process.kill(-pid, name)
    } catch {
      // Nobody is left in it.
    }
  }

  #end(code: number | null, signal: string | null, fault: string | null): void {
    if (this.#over) return
    for (const lines of this.#streams) lines.end()
    this.#report()
    this.#over = true
    commands.delete(this.#run)
    report({ kind: 'ended', run: this.#run, code, signal, fault })
  }

  #report(): void {
    clearTimeout(this.#flush)
    this.#flush = undefined
    for (const lines of this.#streams) {
      const taken = lines.take()
      if (taken.lines.length > 0 && !this.#over) report({ kind: 'lines', run: this.#run, ...taken })
    }
  }
}
