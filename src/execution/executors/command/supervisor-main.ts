import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { nodeVariable } from '../../../core/task-variables.ts'
import { ProcessGroup } from './process-group.ts'
import type { FromSupervisor, ToSupervisor } from './supervisor-protocol.ts'
import { inheritedLease } from '../lease.ts'
import { Lines } from './lines.ts'
import { nodeMark, type Marks } from '../process-marks.ts'
import { PipeStock, type Pipes } from './pipes.ts'
import { lowerPriority } from '../priority.ts'
import { isShortage } from '../shortage.ts'
import { OutputParser } from './output-parser.ts'
import { Watchdog } from './watchdog.ts'

/**
 * The supervisor: a small process that starts the commands of a node, each in its own process group, and kills them when its
 * connection to the node breaks or the lease of the node ends. So none of them outlives a killed node, or runs beside its
 * successor when the node is frozen.
 */

/** Milliseconds for which output is collected. */
const gatherFor = 20
/** Bytes of a command's output read in this time. A flood waits in its own pipe and delays nothing else. */
const readInTurn = 524_288
/** Milliseconds that descendants may hold the output open in silence after the command itself has ended, and in total. */
const lingersFor = 200
const lingersAtMost = 2_000

const commands = new Map<number, Command>()
const stock = new PipeStock()
const [, , leaseArgument, node = ''] = process.argv
const lease = inheritedLease(leaseArgument)
/** Inherited by everything it starts. */
const mark = nodeMark({ node, holder: process.pid })
const watchdog = new Watchdog(mark)
lease?.watch(() => {
  for (const command of commands.values()) command.checkLease()
})

process.on('message', (message: ToSupervisor) => {
  if (message.kind === 'start') begin(message)
  else commands.get(message.run)?.obey(message)
})
process.on('disconnect', () => {
  for (const command of commands.values()) command.kill()
  stock.close()
  process.exit(0)
})
// Signals to the terminal's group are for the node, which drains and then tells this process.
process.on('SIGHUP', () => undefined)
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => undefined)

function report(message: FromSupervisor): void {
  // The node may have died just now: `disconnect` reports its end, and nothing must end this process before that.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}

type Start = Extract<ToSupervisor, { kind: 'start' }>

/** A failed start must not take down the supervisor, and with it the commands of all others. */
function begin(start: Start): void {
  const { run, file, args, cwd } = start
  const env = { ...start.env, [nodeVariable]: mark }
  if (lease?.isOver === true) {
    report({ ...unstarted(run), blameless: 'lease' })
    return
  }
  const pipes = stock.take()
  try {
    const stdio = pipes === undefined ? ('pipe' as const) : [...pipes.theirs]
    const child = spawn(file, args, { cwd, env, detached: true, stdio })
    if (child.pid !== undefined) commands.set(run, new Command(start, child, child.pid, pipes ?? child))
    else child.once('error', (error) => cannotStart(start, error))
    if (child.pid === undefined) discard(pipes)
  } catch (error) {
    discard(pipes)
    cannotStart(start, error as Error)
  } finally {
    pipes?.letGo()
  }
}

function discard(pipes: Pipes | undefined): void {
  for (const stream of [pipes?.stdin, pipes?.stdout, pipes?.stderr]) stream?.destroy()
}

function cannotStart({ run, cwd }: Start, error: Error): void {
  const { message } = error
  const isThere = cwd === undefined || cwd.includes('\0') || existsSync(cwd)
  const why = isThere ? message : `its working folder ${cwd} does not exist`
  report({
    ...unstarted(run),
    fault: `cannot be started: ${why}`,
    blameless: isShortage(error) ? 'shortage' : null,
  })
}

function unstarted(run: number): Extract<FromSupervisor, { kind: 'ended' }> {
  const output = { output: '', lastError: '' }
  return { kind: 'ended', run, code: null, signal: null, fault: null, blameless: null, ...output }
}

/** The streams of a command: pipes, or the sockets of its process. */
type Streams = Readonly<{ stdin: Writable | null; stdout: Readable | null; stderr: Readable | null }>

class Command {
  readonly #run: number
  readonly #stdin: Writable | null
  readonly #group: ProcessGroup
  readonly #parser = new OutputParser()
  readonly #outputs: readonly Lines[]
  readonly #streams: readonly Readable[]
  #turn: NodeJS.Timeout | undefined
  #readNow = 0
  #readInAll = 0
  #exited = false
  #over = false
  #outlivedLease = false
  readonly #lapses = lease?.lapses

  constructor({ run, env, input, listens }: Start, child: ChildProcess, pid: number, streams: Streams) {
    const { stdin, stdout, stderr } = streams
    this.#run = run
    this.#stdin = stdin
    this.#group = new ProcessGroup(pid, env as Marks)
    this.#streams = [stdout, stderr].filter((stream) => stream !== null)
    this.#outputs = [this.#listen('stdout', stdout), this.#listen('stderr', stderr)]
    const closed = Promise.all(
      this.#streams.map((stream) => new Promise((resolve) => stream.once('close', resolve))),
    )
    stdin?.on('error', () => undefined)
    stdin?.write(`${input}\n`)
    if (!listens) stdin?.end()
    child.on('error', () => undefined)
    child.once('exit', (code, signal) => {
      this.#exited = true
      // Ends what the command left behind with it.
      this.kill()
      watchdog.ended(pid)
      this.#resume()
      void closed.then(() => this.#end(code, signal))
      void this.#silence().then(() => this.#end(code, signal))
    })
    watchdog.started(pid)
    report({ kind: 'started', run, pid })
    lowerPriority(pid)
  }

  obey(message: Exclude<ToSupervisor, Start>): void {
    switch (message.kind) {
      case 'freeze':
        this.#group.signal('SIGSTOP')
        this.#report(true)
        report({ kind: 'frozen', run: this.#run })
        break
      case 'thaw':
        this.#group.signal('SIGCONT')
        break
      case 'stop':
        // A stopped process receives a signal only once it continues.
        this.#group.signal('SIGTERM')
        this.#group.signal('SIGCONT')
        break
      case 'kill':
        this.kill()
        break
      case 'ask':
        this.#stdin?.write(`${message.line}\n`)
    }
  }

  kill(): void {
    this.#group.kill()
  }

  checkLease(): void {
    if (lease === undefined || lease.lapses === this.#lapses) return
    if (!this.#exited) this.#outlivedLease = true
    this.kill()
  }

  #listen(from: 'stdout' | 'stderr', stream: Readable | null): Lines {
    const lines = new Lines((text, cut, ended) => this.#parser.hear(from, text, { cut, ended }))
    stream?.on('error', () => undefined)
    stream?.on('data', (chunk: Buffer) => {
      lines.add(chunk)
      this.#parser.draw(from, lines.drawn)
      this.#readNow += chunk.length
      this.#readInAll += chunk.length
      if (this.#readNow >= readInTurn && !this.#exited) for (const each of this.#streams) each.pause()
      this.#soon()
    })
    return lines
  }

  #soon(): void {
    this.#turn ??= setTimeout(() => {
      this.#turn = undefined
      this.#resume()
      this.#report(false)
      if (!this.#parser.isEmpty) this.#soon()
    }, gatherFor)
  }

  #resume(): void {
    this.#readNow = 0
    for (const stream of this.#streams) stream.resume()
  }

  /** The output of a command that has ended is read to its end; that of a daemon it left behind is not awaited. */
  async #silence(): Promise<void> {
    const until = performance.now() + lingersAtMost
    for (let read = -1; read !== this.#readInAll && performance.now() < until;) {
      read = this.#readInAll
      await new Promise((resolve) => setTimeout(resolve, lingersFor))
      // One more turn of the loop: on a busy machine, the wait may be over before the pipe is read.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  #end(code: number | null, signal: string | null): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#turn)
    for (const lines of this.#outputs) lines.end()
    this.#report(true)
    commands.delete(this.#run)
    const { output, lastError } = this.#parser
    const blameless = this.#outlivedLease ? 'lease' : null
    report({ kind: 'ended', run: this.#run, code, signal, fault: null, blameless, output, lastError })
    for (const stream of this.#streams) stream.destroy()
    this.#stdin?.destroy()
  }

  /** `urged`: all of it. */
  #report(urged: boolean): void {
    const said = this.#parser.take(urged)
    if (said !== undefined) report({ kind: 'said', run: this.#run, said })
  }
}
