import { AsyncLocalStorage } from 'node:async_hooks'
import { TaskError } from '../../core/errors.ts'
import type { Secrets } from '../../core/redaction.ts'

/** A run of inline code that can be blamed for what its code does to the whole process. */
export type Culprit = Readonly<{
  id: string
  type: string
  /** What must not appear in a log. */
  secrets: Secrets | undefined
  attempt: number
  /** The id of its trace, if any. */
  traceId: string | undefined
  /** Its code threw an uncatchable error: the run fails. False if the run is over and nothing is left to fail. */
  blame(error: unknown): boolean
  /** A promise of its code was rejected without a handler. False if the run is over. */
  rejected(promise: Promise<unknown>, error: unknown): boolean
  /** That promise was handled after all. */
  handled(promise: Promise<unknown>): void
}>

const scope = new AsyncLocalStorage<Culprit | undefined>()

/** Runs code of this run, including everything it starts: timers, promises, listeners, sockets. */
export function asCodeOf<T>(run: Culprit, code: () => T): T {
  return scope.run(run, code)
}

/** What the engine does when a handler calls it is not attributed to the handler. */
export function outsideOfTasks<T>(code: () => T): T {
  return scope.run(undefined, code)
}

/** The run whose code is executing or, in a listener of the process, whose code threw. Undefined outside any run. */
export function culprit(): Culprit | undefined {
  return scope.getStore()
}

/** Thrown by a call of inline code that would have ended the process, and the node with it. */
export class ProcessEnded extends TaskError {
  readonly code = 'EXITED'
  constructor(call: string) {
    super(
      `The handler called ${call}, which would end the server with all its tasks: return or throw instead, or give the type runs: "process".`,
    )
  }
}
