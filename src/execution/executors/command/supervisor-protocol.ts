import type { Said } from './output-parser.ts'

/** Messages between a node and its supervisor about commands. `run` is the node's number for a start. */
export type ToSupervisor =
  | Readonly<{
      kind: 'start'
      run: number
      file: string
      args: readonly string[]
      env: Readonly<Record<string, string>>
      cwd: string | undefined
      /** The first line of its standard input. */
      input: string
      /** Its standard input stays open for `ask`. */
      listens: boolean
    }>
  | Readonly<{ kind: 'freeze' | 'thaw' | 'stop' | 'kill'; run: number }>
  /** Writes a line to its standard input. */
  | Readonly<{ kind: 'ask'; run: number; line: string }>

export type FromSupervisor =
  | Readonly<{ kind: 'started'; run: number; pid: number }>
  | Readonly<{ kind: 'said'; run: number; said: Said }>
  | Readonly<{ kind: 'frozen'; run: number }>
  | Readonly<{
      kind: 'ended'
      run: number
      code: number | null
      signal: string | null
      /** Why it could not be started. */
      fault: string | null
      /**
       * Reasons beyond the task's control: there was no room for its process, or the lease of the node ended and it was
       * killed.
       */
      blameless: 'shortage' | 'lease' | null
      /** Its latest plain output. */
      output: string
      /** Its last line of standard error. */
      lastError: string
    }>
