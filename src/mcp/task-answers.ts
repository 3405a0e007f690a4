import type { DetailedTaskV2 } from '@modelcontextprotocol/ext-tasks/core/v2'
import type { CallToolResult } from '@modelcontextprotocol/server'
import { isTerminal } from '../core/task.ts'
import { inputRequests } from './questions.ts'
import type { OpenWait, Refusal, TaskResult, TaskStatus } from './task-server.ts'

/** Fermata's tasks, results and refusals in the words of the protocol. */

/** A document of the API as the result of a tool: as a value for programs, and as text for models. */
export function documentResult(document: object): CallToolResult {
  return { content: [text(JSON.stringify(document))], structuredContent: { ...document } }
}

/** What the tool of a type returns: what its task did. */
export function resultOf(task: TaskResult): CallToolResult {
  const { task_id: taskId, status, error } = task
  const meta = { _meta: { 'io.modelcontextprotocol/related-task': { taskId } } }
  if (status === 'completed') {
    const result = task.result ?? null
    return { content: [text(JSON.stringify(result))], structuredContent: result, ...meta }
  }
  const why =
    error !== null && status === 'failed'
      ? `The task failed: ${error.message} (${error.code}).`
      : `The task was ${status}.`
  const structuredContent = { task_id: taskId, status, error }
  return { content: [text(`${why} Its id is ${taskId}.`)], structuredContent, isError: true, ...meta }
}

/** For clients without the tasks extension: the task continues on the server. */
export function handleOf(task: Pick<TaskStatus, 'task_id' | 'status'> & Partial<TaskStatus>): CallToolResult {
  const { task_id: taskId, status, progress } = task
  const asks =
    task.waiting_for !== undefined && task.waiting_for !== null && task.waiting_for.waits.length > 0
  const next = asks
    ? 'list_waits says what is asked, and answer_task answers it. Then call wait_task with this id.'
    : 'Call wait_task with this id to get its result.'
  return {
    content: [text(`Task ${taskId} has not finished. ${sentence(task)} ${next}`)],
    structuredContent: { task_id: taskId, status, ...(progress === undefined ? {} : { progress }) },
    _meta: { 'io.modelcontextprotocol/related-task': { taskId } },
  }
}

/** An error that a model can understand, and perhaps avoid in its next call. */
export function refusalOf({ code, detail, issues = [] }: Refusal): CallToolResult {
  const listed = issues.filter(({ message }) => !detail.includes(message))
  const lines = [`${code}: ${detail}`, ...listed.map(({ path, message }) => `${path}: ${message}`)]
  const structuredContent = { code, detail, ...(issues.length === 0 ? {} : { errors: issues }) }
  return { content: [text(lines.join('\n'))], structuredContent, isError: true }
}

/**
 * The task as the tasks extension describes it. Work that waits for its time, for a slot, or for someone to resume it is
 * `working`; one that waits for answers is `input_required`, and asks for them; a failure is a completed call whose result is an error, since `failed` is for errors of the protocol.
 */
export function mcpTask(
  task: TaskStatus,
  { result, waits = [] }: Readonly<{ result?: TaskResult | undefined; waits?: readonly OpenWait[] }>,
  now: number,
): DetailedTaskV2 {
  const common = {
    taskId: task.task_id,
    statusMessage: sentence(task),
    createdAt: date(task.created_at),
    lastUpdatedAt: date(task.completed_at ?? task.started_at ?? task.created_at),
    ttlMs: null,
  }
  if (task.status === 'cancelled') return { ...common, status: 'cancelled' }
  if (isTerminal(task.status) && result !== undefined) {
    return {
      ...common,
      status: 'completed',
      result: { ...resultOf(result), resultType: 'complete' } as never,
    }
  }
  if (waits.length > 0) {
    const requests = inputRequests(waits) as Extract<
      DetailedTaskV2,
      { status: 'input_required' }
    >['inputRequests']
    return { ...common, status: 'input_required', inputRequests: requests, pollIntervalMs: answerInterval }
  }
  return { ...common, status: 'working', pollIntervalMs: pollInterval(task, now) }
}

/** Milliseconds: somebody else may answer, too. */
const answerInterval = 5_000

/** Milliseconds. Long-running tasks are asked about less often, and paused ones least. */
function pollInterval(task: TaskStatus, now: number): number {
  switch (task.status) {
    case 'paused':
      return 15_000
    case 'scheduled':
      return between(1_000, ((task.run_at ?? 0) - now) * 1_000, 15_000)
    default:
      return between(500, (task.execution_time + task.queue_time) * 100, 5_000)
  }
}

function between(least: number, value: number, most: number): number {
  return Math.round(Math.min(Math.max(value, least), most))
}

const sentences = {
  waiting: 'Waits for other tasks.',
  scheduled: 'Starts later.',
  queued: 'Queued until a slot is free.',
  running: 'Running.',
  pausing: 'A pause is requested, and it runs until its next pause point.',
  paused: 'Paused until someone resumes it.',
  cancelling: 'A cancel is requested, and its code has not stopped yet.',
  completed: 'Completed.',
  failed: 'Failed.',
  cancelled: 'Cancelled.',
} as const

/** What the task does now. */
export function sentence({
  status,
  run_at: runAt = null,
  progress = null,
  waiting_for: waits = null,
}: Pick<TaskStatus, 'status'> & Partial<TaskStatus>): string {
  if (status === 'scheduled' && runAt !== null) return `Starts at ${date(runAt)}.`
  if (status === 'waiting' && waits !== null && waits.waits.length > 0)
    return `Waits for an answer to ${waits.waits.map((name) => JSON.stringify(name)).join(', ')}.`
  if (status === 'waiting' && waits?.children !== undefined) return 'Waits for its children.'
  if (status === 'waiting' && waits?.until !== undefined) return `Sleeps until ${date(waits.until)}.`
  const { ratio = null, message = null } = progress ?? {}
  const done = [
    ...(ratio === null ? [] : [`${Math.floor(ratio * 100)}%`]),
    ...(message === null ? [] : [message]),
  ]
  if (isTerminal(status) || done.length === 0) return sentences[status]
  return `${sentences[status].slice(0, -1)} (${done.join(', ')}).`
}

function date(seconds: number): string {
  return new Date(seconds * 1_000).toISOString()
}

function text(text: string) {
  return { type: 'text' as const, text }
}
