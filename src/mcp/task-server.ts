import type { z } from 'zod'
import type { ResultBody, StatusBody, TypeBody } from '../contract/answers.ts'
import type { RunRequest } from '../contract/requests.ts'
import type { Scope } from '../core/caller.ts'
import type { Issue } from '../core/errors.ts'
import type { Control, Status } from '../core/task.ts'

export type TaskStatus = z.output<typeof StatusBody>
export type TaskResult = z.output<typeof ResultBody>
/** What a caller needs to know to submit a task of a type. */
export type TypeDescription = Pick<
  z.output<typeof TypeBody>,
  'type' | 'description' | 'parameters' | 'example'
>

/** Which tasks, and how many. */
export type ListOptions = Readonly<{
  status?: readonly Status[]
  type?: readonly string[]
  tag?: string
  q?: string
  limit: number
  cursor?: string
  fields: readonly (keyof TaskStatus)[]
}>

export type ControlOptions = Readonly<{
  /** Seconds to wait for the control to take effect. */
  wait: number
  reason?: string
  /** Retry only. */
  from?: 'checkpoint' | 'start'
}>

/** A wait of a task that needs an answer. `schema`: a JSON schema; null for any answer. */
export type OpenWait = Readonly<{
  name: string
  /** Which use of the name it is in a run, from 1. */
  occurrence: number
  schema: Readonly<Record<string, unknown>> | null
  message: string | null
}>

/** Why a call was refused, for the caller. */
export type Refusal = Readonly<{ code: string; detail: string; issues?: readonly Issue[] }>

/**
 * What the tools need from a Fermata server, on behalf of one caller. Bodies are those of the API, with sensitive values
 * hidden. Partial ids are accepted. Its methods throw errors that only `refusal` understands.
 */
export interface TaskServer {
  /** The scopes of the caller, and the tags that it is limited to; null: all. */
  caller(): Promise<Readonly<{ scopes: readonly Scope[]; tags: readonly string[] | null }>>
  /** The types that the caller may see. */
  types(): Promise<readonly TypeDescription[]>
  submit(
    type: string,
    draft: z.output<typeof RunRequest>,
  ): Promise<Readonly<{ task_id: string; status: Status; existing?: true | undefined }>>
  status(id: string): Promise<TaskStatus>
  /** The finished task; undefined if it has not finished within these seconds, or until the signal. */
  result(id: string, seconds: number, signal: AbortSignal): Promise<TaskResult | undefined>
  details(id: string): Promise<object>
  list(options: ListOptions): Promise<object>
  control(control: Control, id: string, options: ControlOptions): Promise<Readonly<{ status: Status }>>
  explain(id: string): Promise<object>
  log(id: string, after: number, limit: number): Promise<object>
  stats(): Promise<object>
  /** What the task needs an answer for, in the order in which it came to it. */
  waits(id: string): Promise<readonly OpenWait[]>
  /** Answers exactly this wait, or without an occurrence the oldest open one of the name. */
  answer(
    id: string,
    wait: Readonly<{ name: string; occurrence?: number }>,
    answer: unknown,
    options?: Readonly<{ reason?: string }>,
  ): Promise<void>
  /** What to tell the caller about an error; faults of the server are logged. */
  refusal(error: unknown): Refusal
}
