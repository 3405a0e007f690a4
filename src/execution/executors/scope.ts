import { AsyncLocalStorage } from 'node:async_hooks'
import { TaskError } from '../../core/errors.ts'

/** A run of inline code, as the one to blame for what that code does to the whole process. */
export type Culprit = Readonly<{
  id: string
  type: string
  /** Its code threw where nobody could catch it: the run fails. False when it is over, so that there is nothing left to fail. */
  blame(error: unknown): boolean
  /** A promise of its code was rejected and nobody listened. False when the run is over. */
  rejected(promise: Promise<unknown>, error: unknown): boolean
  /** Somebody listens to that promise after all. */
  handled(promise: Promise<unknown>): void
}>

const scope = new AsyncLocalStorage<Culprit | undefined>()

/** Code of this run, with all that it starts: timers, promises, listeners, sockets. */
export function asCodeOf<T>(run: Culprit, code: () => T): T {
  return scope.run(run, code)
}

/** What the engine does when a handler calls it is not code of the handler. */
export function outsideOfTasks<T>(code: () => T): T {
  return scope.run(undefined, code)
}

/** The run whose code is at work, or, in a listener of the process, whose code threw. Undefined when it is nobody's. */
export function culprit(): Culprit | undefined {
  return scope.getStore()
}

/** Thrown by a call of inline code that would have ended the process, and with it the node. */
export class ProcessEnded extends TaskError {
  readonly code = 'EXITED'
  constructor(call: string) {
    super(
      `The handler called ${call}, which would end the server with all its tasks: return or throw instead, or give the type runs: "process".`,
    )
  }
}
