import type { z } from 'zod'
import type * as access from '../contract/access.ts'
import type * as audit from '../contract/audit.ts'
import type * as failures from '../contract/failures.ts'
import type { Scope } from '../core/caller.ts'
import type * as answers from '../contract/answers.ts'
import type { BulkRequest, ListQuery } from '../contract/filters.ts'
import type { clientErrors, ProblemCode } from '../contract/problems.ts'
import type * as limits from '../contract/limits.ts'
import type * as waits from '../contract/waits.ts'
import type * as webhooks from '../contract/webhooks.ts'
import type * as reports from '../contract/reports.ts'
import type * as runs from '../contract/runs.ts'
import type * as schedules from '../contract/schedules.ts'
import type * as workers from '../contract/workers.ts'
import type { HistoryQuery, RunRequest } from '../contract/requests.ts'
import type { Route } from '../contract/route.ts'
import type { OperationId, Routes } from '../contract/routes.ts'
import type { AnyTaskType, TaskType } from '../registry/type.ts'

/**
 * Types of the wire, from the contract: snake_case, times in Unix seconds, durations in seconds. Nothing here exists at run
 * time.
 */

export type { OperationId }
export type Status = z.output<typeof answers.Status>
export type TaskStatus = z.output<typeof answers.StatusBody>
export type TaskDetails = z.output<typeof answers.DetailsBody>
export type TaskResult = z.output<typeof answers.ResultBody>
export type TaskError = z.output<typeof answers.TaskErrorBody>
/** Why an attempt failed, with its stack; only part of `TaskDetails`. */
export type AttemptError = z.output<typeof answers.AttemptErrorBody>
export type Progress = z.output<typeof answers.ProgressBody>
export type TimelineLine = z.output<typeof answers.TimelineBody>
export type LogLine = z.output<typeof answers.LogBody>['lines'][number]
/** A step that a task has stored. */
export type TaskStep = z.output<typeof answers.StepBody>
/** The tasks to which a task is related. */
export type TaskFamily = z.output<typeof answers.FamilyBody>
/** A task that was started by another one. */
export type ChildTask = z.output<typeof answers.ChildBody>
export type TypeDetails = z.output<typeof answers.TypeBody>
export type ControlAnswer = z.output<typeof answers.ControlAnswer>
export type Problem = z.output<typeof answers.ProblemBody>
export type Explanation = z.output<typeof reports.ExplainBody>
export type Operation = z.output<typeof reports.OperationBody>
export type Stats = z.output<typeof reports.StatsBody>
export type History = z.output<typeof reports.HistoryBody>

/** A new schedule, or a replacement. */
export type ScheduleDraft = z.input<typeof schedules.ScheduleRequest>
export type ScheduleDetails = z.output<typeof schedules.ScheduleBody>
export type BackfillRange = z.input<typeof schedules.BackfillRequest>
export type TickDetails = z.output<typeof schedules.TicksBody>['ticks'][number]

/** A type that a worker registers. */
export type WorkerTypeDraft = z.input<typeof workers.RegisterRequest>['types'][number]
/** A task that a worker has claimed. */
export type ClaimedTask = z.output<typeof workers.ClaimBody>['tasks'][number]
/** What a worker tells of a task, apart from its token. */
export type Beat = Omit<z.input<typeof workers.BeatRequest>, 'lease_token'>
/** A step of a claimed task that has ended. */
export type EndedStep = NonNullable<Beat['steps']>[number]
/** What a claimed task waits for. */
export type Parking = Omit<z.input<typeof workers.ParkRequest>, 'lease_token'>
/** A wait of a claimed task. */
export type Look = Omit<z.input<typeof workers.LookRequest>, 'lease_token'>
export type Failure = Omit<z.input<typeof workers.FailRequest>, 'lease_token'>
/** At least one of `concurrency` and `rate`. */
export type LimitDraft = z.input<typeof limits.LimitRequest>
export type LimitDetails = z.output<typeof limits.LimitBody>
export type BucketDetails = z.output<typeof limits.BucketsBody>['buckets'][number]
/** Which keys of a limit, and how many per page. */
export type BucketQuery = Readonly<{ blocked?: boolean; key?: string; limit?: number; cursor?: string }>

/** A wait of a task for an answer. */
export type TaskWait = z.output<typeof waits.WaitBody>
/** Which waits, and how many per page. */
export type WaitFilter = Readonly<{
  type?: string
  name?: string
  status?: 'open' | 'closed'
  limit?: number
  cursor?: string
}>

/** A new webhook, or a replacement. */
export type WebhookDraft = z.input<typeof webhooks.WebhookRequest>
export type WebhookDetails = z.output<typeof webhooks.WebhookBody>
/** A webhook with its secret. */
export type IssuedWebhook = z.output<typeof webhooks.IssuedWebhookBody>
export type WebhookRotation = z.input<typeof webhooks.RotateWebhookRequest>
export type DeliveryDetails = z.output<typeof webhooks.DeliveryBody>
/** Which deliveries, and how many per page. */
export type DeliveryQuery = Readonly<{ status?: DeliveryDetails['status']; limit?: number; cursor?: string }>
/** One delivery, or the dead ones of a time. */
export type Redelivery = z.input<typeof webhooks.RedeliverRequest>

/** What a key allows. */
export type { Scope }
export type Me = z.output<typeof access.MeBody>
/** A new key. */
export type KeyDraft = z.input<typeof access.KeyRequest>
/** A key, without its secret. */
export type KeyDetails = z.output<typeof access.KeyBody>
/** A key with its text. */
export type IssuedKey = z.output<typeof access.IssuedKeyBody>

/** A change that a caller has made. */
export type AuditEntry = z.output<typeof audit.AuditEntryBody>
export type AuditAction = AuditEntry['action']
/** Which entries, and how many per page. Times in Unix seconds. */
export type AuditQuery = Readonly<{ [Name in keyof Audited]?: Audited[Name] | undefined }>
type Audited = z.output<typeof audit.AuditQuery>

/** Which failures to group; every field is optional. */
export type FailuresQuery = Readonly<{
  type?: string | readonly string[]
  tag?: string
  created_by?: string
  span?: failures.FailureSpan
  limit?: number
}>
export type FailureGroup = z.output<typeof failures.FailuresBody>['failures'][number]

/** Which tasks, and in which time (Unix seconds); every field is optional. */
export type RunsQuery = Readonly<{
  from?: number
  until?: number
  type?: string | readonly string[]
  tag?: string
  created_by?: string
  limit?: number
}>
/** What a task did over time. */
export type Run = z.output<typeof runs.RunsBody>['runs'][number]

/** Responses, by operation id. */
export type AnswerOf<Id extends OperationId> = Routes[Id] extends Route & {
  answer: { schema: infer Schema extends z.ZodType }
}
  ? z.output<Schema>
  : never

/** A task of a batch: the body of a single submit. */
export type Draft = z.input<typeof RunRequest>

/** Options of a submit. */
export type SubmitOptions = Omit<Draft, 'parameters'>

type Pages = z.output<typeof ListQuery>
type Selection = Omit<Pages, 'order' | 'limit' | 'cursor' | 'fields' | 'status' | 'type'>

/** Which tasks are meant. */
export type TaskFilter = Selection &
  Readonly<{ status?: Status | readonly Status[]; type?: string | readonly string[] }>

/** Name of a field of a task in a list. */
export type TaskField = keyof TaskStatus

/** `fields`: what to return for each task; default: all. */
export type ListOptions<Field extends TaskField = TaskField> = TaskFilter &
  Partial<Pick<Pages, 'order' | 'limit' | 'cursor'>> &
  Readonly<{ fields?: readonly Field[] }>

/** A task in a list, with the requested fields. */
export type ListedTask<Field extends TaskField = TaskField> = Pick<
  z.output<typeof reports.ListedBody>,
  Field | 'parameters_cut' | 'parameters_unreadable'
>

export type TaskPage<Field extends TaskField = TaskField> = Omit<
  z.output<typeof reports.ListBody>,
  'tasks'
> & {
  tasks: ListedTask<Field>[]
}

export type HistorySpan = z.output<typeof HistoryQuery>['span']

export type BulkAction = z.input<typeof BulkRequest>['action']

/** A definition by `defineTask` or `defineCommand`; the client only needs its name. */
export type SomeType = AnyTaskType

/** Parameters of a type, as callers write them. */
export type ParametersOf<Type> =
  Type extends TaskType<infer Input, infer _State, infer _Result>
    ? [Input] extends [never]
      ? Readonly<Record<string, unknown>>
      : Input
    : never

/** The result of a type's handler, as parsed from JSON. */
export type ResultOf<Type> = Type extends TaskType<never, infer _State, infer Result> ? Result : unknown

/** Stable codes of `FermataError`: those of the API, of tasks that did not complete, and of the connection. */
export type ErrorCode = ProblemCode | keyof typeof clientErrors | 'TASK_FAILED' | 'CANCELLED'

type OfTask = Readonly<{ task_id: string }>

/** A timeline entry. */
export type Transition = Readonly<{ kind: 'transition' }> & OfTask & Readonly<TimelineLine>
export type ProgressReport = Readonly<{ kind: 'progress'; at: number }> & OfTask & Readonly<Progress>
export type LogEvent = Readonly<{ kind: 'log'; at: number; message: string }> & OfTask

export type TaskEvent = Transition | ProgressReport | LogEvent

/** Read the tasks: the stream is open (`open`), open again (`reconnect`), or has skipped events (`overflow`). */
export type Resync = Readonly<{ kind: 'resync'; why: 'open' | 'reconnect' | 'overflow' }>

export type Change = (TaskEvent & Readonly<{ task_type: string }>) | Resync
