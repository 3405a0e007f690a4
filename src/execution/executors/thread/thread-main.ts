import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads'
import { toErrorRecord } from '../../../core/error-record.ts'
import { TaskCancelled, TaskError, TaskTimeout, TaskUnwound } from '../../../core/errors.ts'
import type { Json, ProgressReport } from '../../../core/task.ts'
import { provideOwnPackages } from '../../../registry/own-packages.ts'
import type { AnyTaskType } from '../../../registry/type.ts'
import { Backlog } from '../backlog.ts'
import { HandlerRun, type SyncControl } from '../task-context.ts'
import type { Ended, RunCallbacks } from '../executor.ts'
import { insideThread } from './inside.ts'
import { Lease } from '../lease.ts'
import type { FromThread, Reason, Start, ThreadData, ToThread } from './protocol.ts'
import { isShortage } from '../shortage.ts'
import { systemClock } from '../system-clock.ts'

/** The thread's side: imports the module of a type and runs its handler, one run at a time. */

/** Milliseconds for which checkpoints and progress are collected; a tight loop would flood the node with them. */
const gatherFor = 20

if (parentPort === null) throw new Error('this module is for worker threads')
insideThread.value = true
provideOwnPackages()
const port: MessagePort = parentPort
const data = workerData as ThreadData
/** Incremented with every message to this thread, so that code which never returns to its event loop can notice and wait. */
const bell = new Int32Array(data.bell)
const lease = data.lease === undefined ? undefined : new Lease(data.lease)
/** Value of the bell when all messages had been taken; at first, none has. */
let heard = -1

type Control = Exclude<ToThread, { kind: 'start' | 'answer' }>

let current: { readonly run: number; readonly handler: HandlerRun; readonly outbox: Outbox } | undefined
/** Controls of a run whose module is still being imported. */
let early: Control[] = []
let calls = 0
/** What waits for the answers to its calls. */
const asked = new Map<number, (answer: unknown) => void>()

const sync: SyncControl = {
  poll() {
    const now = Atomics.load(bell, 0)
    if (now === heard) return
    heard = now
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      hear(next.message as ToThread)
    }
  },
  wait() {
    Atomics.wait(bell, 0, heard)
    sync.poll()
  },
  durable(state) {
    let answer: boolean | undefined
    current?.outbox.durable(state, (held) => {
      answer = held
    })
    while (answer === undefined && current?.handler.aborted === false) sync.wait()
    return answer ?? true
  },
}

port.on('message', hear)

function hear(message: ToThread): void {
  if (message.kind === 'start') {
    void carryOut(message)
    return
  }
  if (message.kind === 'answer') {
    asked.get(message.call)?.(message.answer)
    asked.delete(message.call)
    return
  }
  if (current?.run === message.run) obey(current.handler, message)
  else if (current === undefined) early.push(message)
}

function obey(handler: HandlerRun, control: Control): void {
  if (control.kind === 'pause') handler.pause()
  else if (control.kind === 'resume') handler.resume(control.fence)
  else if (control.kind === 'news') handler.news()
  else handler.abort(errorOf(control.reason, handler.id))
}

async function carryOut(start: Start): Promise<void> {
  const outbox = new Outbox(start.run)
  let ended: Ended
  let shortage = false
  try {
    const type = await typeOf(start)
    const handler = new HandlerRun({ ...start, type }, outbox.host, systemClock, { sync, lease })
    current = { run: start.run, handler, outbox }
    for (const control of early) if (control.run === start.run) obey(handler, control)
    early = []
    handler.begin()
    ended = await handler.done
  } catch (error) {
    const record = toErrorRecord(error)
    shortage = isShortage(error)
    ended = shortage
      ? {
          kind: 'given-back',
          why: `its module cannot be loaded: ${record.message}`,
          cause: 'shortage',
          forced: false,
        }
      : { kind: 'threw', error: record, final: true }
  }
  outbox.flush(true)
  current = undefined
  asked.clear()
  outbox.send({ kind: 'ended', run: start.run, ended, clean: !shortage && isClean() })
}

class TypeNotExported extends TaskError {
  readonly code = 'TYPE_NOT_EXPORTED'
}

async function typeOf({ module, type }: Start): Promise<AnyTaskType> {
  const exported = Object.values((await import(module)) as Record<string, unknown>)
  const found = exported.flat().find((value) => (value as AnyTaskType | null)?.type === type)
  if (found !== undefined) return found as AnyTaskType
  throw new TypeNotExported(`The module ${module} does not export the type ${JSON.stringify(type)}.`)
}

/** Timers and handles left behind by a run could throw into the next one. */
function isClean(): boolean {
  return process.getActiveResourcesInfo().every((resource) => resource === 'MessagePort')
}

/**
 * Messages of the run on their way to the node, collected for a moment: the latest checkpoint and progress, and the newest
 * lines.
 */
class Outbox {
  readonly host: RunCallbacks
  readonly #run: number
  #checkpoint: Json | undefined
  #progress: ProgressReport | undefined
  readonly #backlog = new Backlog()
  #flushed = 0
  #timer: NodeJS.Timeout | undefined

  constructor(run: number) {
    this.#run = run
    this.host = {
      checkpoint: (state) => {
        this.#checkpoint = state
        this.#soon()
      },
      durable: (state) => this.#ask((call) => ({ kind: 'durable', run, call, state })),
      recall: (key) => this.#ask((call) => ({ kind: 'recall', run, call, key })),
      completedSteps: async () => [],
      step: (report) => this.#ask((call) => ({ kind: 'step', run, call, report })),
      spawn: (request) => this.#ask((call) => ({ kind: 'spawn', run, call, request })),
      wait: (request) => this.#ask((call) => ({ kind: 'wait', run, call, request })),
      join: (request) => this.#ask((call) => ({ kind: 'join', run, call, request })),
      outcomes: (children) => this.#ask((call) => ({ kind: 'outcomes', run, call, children })),
      progress: (progress) => {
        this.#progress = progress
        this.#soon()
      },
      log: (message) => {
        this.#backlog.add(message)
        this.#sendLog()
        if (!this.#backlog.isEmpty) this.#soon()
      },
      suspended: () => {
        this.flush(true)
        this.send({ kind: 'suspended', run })
      },
      asleep: (request) => {
        this.flush(true)
        this.send({ kind: 'asleep', run, request })
      },
      awake: (early) => this.send({ kind: 'awake', run, early }),
      displaced: () => undefined,
    }
  }

  send(message: FromThread): void {
    port.postMessage(message)
  }

  durable(state: Json, answered: (held: boolean) => void): void {
    this.#call(
      (call) => ({ kind: 'durable', run: this.#run, call, state }),
      (held) => answered(held === true),
    )
  }

  #ask<T>(message: (call: number) => FromThread): Promise<T> {
    return new Promise((resolve) => this.#call(message, (answer) => resolve(answer as T)))
  }

  #call(message: (call: number) => FromThread, answered: (answer: unknown) => void): void {
    this.flush(true)
    const call = ++calls
    asked.set(call, answered)
    this.send(message(call))
  }

  /** `urged`: all log lines too, however many have just been sent. */
  flush(urged = false): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#flushed = performance.now()
    if (this.#checkpoint !== undefined)
      this.send({ kind: 'checkpoint', run: this.#run, state: this.#checkpoint })
    if (this.#progress !== undefined)
      this.send({ kind: 'progress', run: this.#run, progress: this.#progress })
    this.#checkpoint = undefined
    this.#progress = undefined
    this.#sendLog(urged)
    if (!this.#backlog.isEmpty) this.#soon()
  }

  #sendLog(urged = false): void {
    const log = this.#backlog.take(urged)
    if (log.lines.length > 0) this.send({ kind: 'log', run: this.#run, log })
  }

  /** A tight loop never reaches its timers, so the next call flushes. */
  #soon(): void {
    if (performance.now() - this.#flushed >= gatherFor) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), gatherFor)
  }
}

function errorOf({ code, message }: Reason, id: string): Error {
  const error =
    code === 'CANCELLED'
      ? new TaskCancelled(id)
      : code === 'TIMEOUT'
        ? new TaskTimeout(0)
        : new TaskUnwound('')
  error.message = message
  return error
}
