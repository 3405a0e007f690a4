import type { CallToolResult, ToolAnnotations } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { StatusBody } from '../contract/answers.ts'
import { issuesOf } from '../contract/issues.ts'
import { reason, RunRequest } from '../contract/requests.ts'
import { typeName } from '../contract/values.ts'
import type { Scope } from '../core/caller.ts'
import { statuses, type Control } from '../core/task.ts'
import { documentResult, handleOf, refusalOf, resultOf, sentence } from './task-answers.ts'
import type { TaskServer } from './task-server.ts'

/** A tool for handling tasks of any type. */
export type Tool = Readonly<{
  name: string
  description: string
  /** What the key of the caller must allow. */
  scopes: readonly Scope[]
  parameters: z.ZodObject
  annotations: ToolAnnotations
  /** Refuses arguments that do not match. */
  call(server: TaskServer, given: unknown, signal: AbortSignal): Promise<CallToolResult>
}>

/** Seconds for which a call waits for a task: clients give up after a minute. */
export const usualWait = 30
const longestWait = 50
/** Seconds for which a control waits to take effect. */
const controlWait = 5

const taskId = z.string().min(1).max(64).meta({
  description: 'The id of the task, or a unique beginning or ending of it with at least six digits.',
})
const ofTask = { task_id: taskId }

/** What a page of tasks shows of each unless the caller chooses. */
const usualFields = [
  'task_id',
  'task_type',
  'status',
  'created_at',
  'completed_at',
  'progress',
  'tags',
  'error',
] as const

const reads = { readOnlyHint: true } as const
const changes = { readOnlyHint: false, destructiveHint: false, idempotentHint: true } as const

export const tools: readonly Tool[] = [
  tool({
    name: 'list_tasks',
    description:
      'Lists tasks, newest first. A page has a next_cursor if there are more; pass it as cursor with the same filter.',
    scopes: ['read'],
    parameters: z.strictObject({
      status: z.array(z.enum(statuses)).max(9).exactOptional().meta({ description: 'Only these statuses.' }),
      task_type: z.array(typeName).max(100).exactOptional().meta({ description: 'Only these types.' }),
      tag: z.string().min(1).max(200).exactOptional().meta({ description: 'Only tasks with this tag.' }),
      search: z.string().min(1).max(200).exactOptional().meta({
        description: 'The beginning of an id, or text in parameters or error, among the newest 10,000 tasks.',
      }),
      limit: z.int().min(1).max(100).default(20),
      cursor: z.string().min(1).max(200).exactOptional(),
      fields: z
        .array(StatusBody.keyof())
        .min(1)
        .exactOptional()
        .meta({ description: 'What to return of each task. Default: the most important fields.' }),
    }),
    annotations: reads,
    run: async (server, { task_type: type, search: q, fields = usualFields, ...same }) =>
      documentResult(
        await server.list({
          ...same,
          fields,
          ...(type === undefined ? {} : { type }),
          ...(q === undefined ? {} : { q }),
        }),
      ),
  }),
  tool({
    name: 'get_task',
    description:
      'Returns all details of a task: status, progress, parameters, result or error, attempts and timeline.',
    scopes: ['read'],
    parameters: z.strictObject(ofTask),
    annotations: reads,
    run: async (server, { task_id: id }) => documentResult(await server.details(id)),
  }),
  tool({
    name: 'wait_task',
    description: `Waits until a task has finished and returns its result; if it takes longer, says what the task does now. Call it again to keep waiting.`,
    scopes: ['read'],
    parameters: z.strictObject({
      ...ofTask,
      seconds: z
        .number()
        .min(0)
        .max(longestWait)
        .default(usualWait)
        .meta({
          description: `How long to wait, at most ${longestWait}.`,
        }),
    }),
    annotations: reads,
    run: (server, { task_id: id, seconds }, signal) => awaited(server, id, seconds, signal),
  }),
  controlTool('pause', {
    description:
      'Pauses a task, even while it runs. It keeps its progress, frees its slot, and continues where it left off once it is resumed.',
    annotations: changes,
  }),
  controlTool('resume', {
    description: 'Resumes a paused task where it left off.',
    annotations: changes,
  }),
  controlTool('cancel', {
    description: 'Cancels a task and stops its code. Its record is kept; retry_task runs it again.',
    annotations: { ...changes, destructiveHint: true },
  }),
  controlTool('retry', {
    description: 'Runs a failed or cancelled task again, from its last checkpoint or from the start.',
    annotations: { ...changes, idempotentHint: false },
  }),
  tool({
    name: 'list_waits',
    description:
      'Lists the questions for which a task waits for an answer: name, message, and the JSON schema of the answer.',
    scopes: ['read'],
    parameters: z.strictObject(ofTask),
    annotations: reads,
    run: async (server, { task_id: id }) => documentResult({ waits: await server.waits(id) }),
  }),
  tool({
    name: 'answer_task',
    description:
      'Answers a question of a task that waits for it. The first answer counts. Ask the user first if the answer is a decision or an approval.',
    scopes: ['control'],
    parameters: z.strictObject({
      ...ofTask,
      name: z.string().min(1).max(200).meta({ description: 'The name of the wait.' }),
      occurrence: z.int().min(1).exactOptional().meta({
        description: 'Which use of the name, if a task has several. Default: the oldest that is open.',
      }),
      answer: z.unknown().meta({ description: 'Any JSON value that matches the schema of the wait.' }),
      reason: reason.exactOptional(),
    }),
    annotations: { ...changes, idempotentHint: false },
    async run(server, { task_id: id, answer, reason: why, ...wait }) {
      await server.answer(id, wait, answer, why === undefined ? {} : { reason: why })
      const { name } = wait
      return documentResult({ task_id: id, name, status: 'answered' })
    },
  }),
  tool({
    name: 'explain_task',
    description:
      'Explains why a task is not running now, its position in the queue, and when it should start.',
    scopes: ['read'],
    parameters: z.strictObject(ofTask),
    annotations: reads,
    run: async (server, { task_id: id }) => documentResult(await server.explain(id)),
  }),
  tool({
    name: 'get_task_log',
    description:
      'Returns log lines of a task, oldest first. If next_after is not null, pass it as after to get the next lines.',
    scopes: ['read'],
    parameters: z.strictObject({
      ...ofTask,
      after: z.int().min(0).max(999_999_999).default(0).meta({
        description: 'Only lines with a higher number.',
      }),
      limit: z.int().min(1).max(1_000).default(200),
    }),
    annotations: reads,
    run: async (server, { task_id: id, after, limit }) => documentResult(await server.log(id, after, limit)),
  }),
  tool({
    name: 'get_stats',
    description: 'Returns how many tasks there are in each status, rates, slots and nodes.',
    scopes: ['read'],
    parameters: z.strictObject({}),
    annotations: reads,
    run: async (server) => documentResult(await server.stats()),
  }),
  tool({
    name: 'submit_task',
    description:
      'Submits a task with options, such as a delay or tags, and returns its id at once. To run a task and get its result, call the tool of its type.',
    scopes: ['run'],
    parameters: z.strictObject({ task_type: typeName, ...RunRequest.shape }),
    annotations: { readOnlyHint: false, idempotentHint: false },
    run: async (server, { task_type: type, ...draft }) => {
      const { task_id, status, existing } = await server.submit(type, draft)
      return documentResult({ task_id, status, ...(existing === undefined ? {} : { existing }) })
    },
  }),
]

const byName = new Map(tools.map((tool) => [tool.name, tool]))

export const toolNames: ReadonlySet<string> = new Set(byName.keys())

export function findTool(name: string): Tool | undefined {
  return byName.get(name)
}

/** The result of a task, or what it does now if it has not finished in time. */
export async function awaited(
  server: TaskServer,
  id: string,
  seconds: number,
  signal: AbortSignal,
): Promise<CallToolResult> {
  const result = await server.result(id, seconds, signal)
  return result === undefined ? handleOf(await server.status(id)) : resultOf(result)
}

type Definition<Parameters extends z.ZodObject> = Omit<Tool, 'call' | 'parameters'> &
  Readonly<{
    parameters: Parameters
    run(server: TaskServer, given: z.output<Parameters>, signal: AbortSignal): Promise<CallToolResult>
  }>

function tool<Parameters extends z.ZodObject>({ run, ...same }: Definition<Parameters>): Tool {
  return {
    ...same,
    async call(server, given, signal) {
      const parsed = same.parameters.safeParse(given)
      if (parsed.success) return run(server, parsed.data, signal)
      const issues = issuesOf(parsed.error)
      const listed = issues.map(({ path, message }) => `${path === '' ? 'arguments' : path}: ${message}`)
      const detail = `The arguments are invalid: ${listed.join('; ')}.`
      return refusalOf({ code: 'PARAMETERS_INVALID', detail, issues })
    },
  }
}

function controlTool(control: Control, more: Pick<Tool, 'description' | 'annotations'>): Tool {
  const own = { ...ofTask, reason: reason.exactOptional() }
  const from = z.enum(['checkpoint', 'start']).default('checkpoint')
  return tool({
    ...more,
    name: `${control}_task`,
    scopes: ['control'],
    parameters: z.strictObject(control === 'retry' ? { ...own, from } : own),
    async run(server, { task_id: id, ...options }) {
      const { status } = await server.control(control, id, { ...options, wait: controlWait })
      return documentResult({ task_id: id, status, message: sentence({ status }) })
    },
  })
}
