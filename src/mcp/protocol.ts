import { hasTaskClientCapabilityV2, TASKS_EXTENSION_ID_V2 } from '@modelcontextprotocol/ext-tasks/core/v2'
import {
  McpServer,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  type CallToolResult,
  type ListToolsResult,
  type Server,
  type ServerContext,
  type Tool,
} from '@modelcontextprotocol/server'
import { z } from 'zod'
import type { Scope } from '../core/caller.ts'
import { version } from '../version.ts'
import { awaited, findTool, tools, usualWait } from './tools.ts'
import { mcpTask, refusalOf } from './task-answers.ts'
import { answerIn, keyOf } from './questions.ts'
import type { Refusal, TaskServer, TaskStatus, TypeDescription } from './task-server.ts'
import { declarationOf, toolsOfTypes } from './type-tools.ts'

/** Of `tasks/*`; more is allowed, as in every request of the protocol. */
const TaskRequest = z.looseObject({ taskId: z.string().min(1).max(64) })

const instructions =
  'Fermata runs tasks in the background. The tool of a type runs a task and returns its result; a task that takes longer than half a minute continues on the server, and wait_task returns its result. Tasks can be paused, resumed and cancelled while they run, and survive restarts of the server.'

/**
 * The protocol for one caller. Keeps nothing between requests: the id of a task is its handle, so any node answers any
 * request, also after a restart.
 */
export function protocolFor(server: TaskServer): Server {
  const { server: protocol } = new McpServer(
    { name: 'fermata', title: 'Fermata', version },
    {
      instructions,
      // Workers can register types, but nothing is kept that would tell a client.
      capabilities: { tools: { listChanged: false }, extensions: { [TASKS_EXTENSION_ID_V2]: {} } },
    },
  )
  protocol.setRequestHandler('tools/list', async () => {
    try {
      return await declarations(server)
    } catch (error) {
      throw protocolError(server, error)
    }
  })
  protocol.setRequestHandler('tools/call', async ({ params }, { mcpReq }) => {
    try {
      return protocol.projectCallToolResult(await called(server, params, mcpReq), undefined)
    } catch (error) {
      if (error instanceof ProtocolError) throw error
      return refusalOf(refusalFor(server, error))
    }
  })
  protocol.setRequestHandler('tasks/get', { params: TaskRequest }, ({ taskId }, context) =>
    answered(server, context, async () => {
      const task = await server.status(taskId)
      // Without waiting: undefined unless it has finished.
      const result = await server.result(taskId, 0, context.mcpReq.signal)
      const waits = needsAnswer(task) ? await server.waits(taskId) : []
      return mcpTask(result ?? task, { result, waits }, Date.now() / 1_000)
    }),
  )
  // The SDK takes the answers out of the parameters.
  protocol.setRequestHandler('tasks/update', { params: TaskRequest }, ({ taskId }, context) =>
    answered(server, context, async () => {
      await update(server, taskId, context.mcpReq.inputResponses ?? {})
      return {}
    }),
  )
  protocol.setRequestHandler('tasks/cancel', { params: TaskRequest }, ({ taskId }, context) =>
    answered(server, context, async () => {
      await cancelled(server, taskId)
      return {}
    }),
  )
  return protocol
}

/** What the key must allow for a message. `types`: those that the caller sees. */
export function scopesFor(message: unknown, types: readonly TypeDescription[]): readonly Scope[] {
  const { method, params } = (message ?? {}) as { method?: unknown; params?: { name?: unknown } | null }
  if (method !== 'tools/call') return scopesOfMethods.get(String(method)) ?? []
  const name = params?.name
  if (typeof name !== 'string') return []
  return findTool(name)?.scopes ?? (toolsOfTypes(types).has(name) ? ofTypeTools : [])
}

/** The tool of a type submits a task and returns its result. */
const ofTypeTools: readonly Scope[] = ['run', 'read']

const scopesOfMethods: ReadonlyMap<string, readonly Scope[]> = new Map([
  ['tasks/get', ['read']],
  ['tasks/update', ['control']],
  ['tasks/cancel', ['control']],
])

/** The declarations of the tools for handling tasks, which are the same for everyone. */
const declared: ReadonlyMap<string, Tool> = new Map(
  tools.map(({ name, description, parameters, annotations }) => {
    const { $schema: _, ...inputSchema } = z.toJSONSchema(parameters, { io: 'input' })
    return [name, { name, description, inputSchema: inputSchema as Tool['inputSchema'], annotations }]
  }),
)

async function declarations(server: TaskServer): Promise<ListToolsResult> {
  const { scopes } = await server.caller()
  const types = allows(scopes, ofTypeTools) ? toolsOfTypes(await server.types()) : []
  const ofTypes = [...types].map(([name, type]) => declarationOf(name, type))
  const others = tools.filter((tool) => allows(scopes, tool.scopes)).map(({ name }) => declared.get(name)!)
  return { tools: [...ofTypes, ...others] }
}

type ToolCall = Readonly<{ name: string; arguments?: Readonly<Record<string, unknown>> | undefined }>
type Request = ServerContext['mcpReq']

async function called(
  server: TaskServer,
  { name, arguments: given = {} }: ToolCall,
  request: Request,
): Promise<CallToolResult> {
  const tool = findTool(name)
  if (tool !== undefined) {
    await mustAllow(server, tool.scopes)
    return tool.call(server, given, request.signal)
  }
  const { tags } = await mustAllow(server, ofTypeTools)
  const type = toolsOfTypes(await server.types()).get(name)
  if (type === undefined) {
    const quoted = JSON.stringify(name.slice(0, 200))
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no tool ${quoted}.`)
  }
  // Parameters leave no place for tags, and without its tag the key would not see the task.
  const more = tags?.length === 1 ? { tags: [...tags] } : {}
  const { task_id: id } = await server.submit(type.type, { parameters: given, ...more })
  if (!knowsTasks(request)) return awaited(server, id, usualWait, request.signal)
  const task = mcpTask(await server.status(id), {}, Date.now() / 1_000)
  return { resultType: 'task', ...task } as never
}

function needsAnswer({ status, waiting_for: waits }: TaskStatus): boolean {
  return status === 'waiting' && waits !== null && waits.waits.length > 0
}

/** Answers to questions that were not asked, or that somebody else has answered, are ignored; so are forms that were not filled in. */
async function update(
  server: TaskServer,
  id: string,
  responses: Readonly<Record<string, unknown>>,
): Promise<void> {
  const task = await server.status(id)
  if (task.waiting_for === null || task.waiting_for.waits.length === 0) return
  for (const wait of await server.waits(id)) {
    const key = keyOf(wait)
    const given = Object.hasOwn(responses, key) ? answerIn(wait, responses[key]) : undefined
    if (given === undefined) continue
    try {
      await server.answer(id, wait, given.answer)
    } catch (error) {
      if (!isLate.has(server.refusal(error).code)) throw error
    }
  }
}

/** The first answer counts. */
const isLate: ReadonlySet<string> = new Set(['WAIT_ANSWERED', 'WAIT_UNKNOWN'])

/** Cancels the task, unless it has already finished: then there is nothing to cancel. */
async function cancelled(server: TaskServer, id: string): Promise<void> {
  try {
    await server.control('cancel', id, { wait: cancelWait })
  } catch (error) {
    if (server.refusal(error).code !== 'CONTROL_REFUSED') throw error
  }
}

/** Seconds that a cancel waits until the code of the task has stopped. */
const cancelWait = 2

function knowsTasks({ envelope }: Request): boolean {
  return hasTaskClientCapabilityV2({ _meta: envelope })
}

function allows(scopes: readonly Scope[], needed: readonly Scope[]): boolean {
  return scopes.includes('admin') || needed.every((scope) => scopes.includes(scope))
}

class NotAllowed extends Error {}

async function mustAllow(server: TaskServer, needed: readonly Scope[]) {
  const caller = await server.caller()
  const scope = needed.find((scope) => !allows(caller.scopes, [scope]))
  if (scope === undefined) return caller
  throw new NotAllowed(
    `This call needs a key with the scope ${scope}; yours has ${caller.scopes.join(', ')}.`,
  )
}

/** The answer to a request about a task. */
async function answered<T>(
  server: TaskServer,
  { mcpReq }: ServerContext,
  answer: () => Promise<T>,
): Promise<T> {
  if (!knowsTasks(mcpReq)) {
    const requiredCapabilities = { extensions: { [TASKS_EXTENSION_ID_V2]: {} } }
    throw new MissingRequiredClientCapabilityError({ requiredCapabilities })
  }
  try {
    await mustAllow(server, scopesOfMethods.get(mcpReq.method) ?? [])
    return await answer()
  } catch (error) {
    throw protocolError(server, error)
  }
}

function refusalFor(server: TaskServer, error: unknown): Refusal {
  return error instanceof NotAllowed ? { code: 'FORBIDDEN', detail: error.message } : server.refusal(error)
}

/** For requests whose results have no place for errors. */
function protocolError(server: TaskServer, error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error
  const { code, detail } = refusalFor(server, error)
  const { InvalidParams, InternalError } = ProtocolErrorCode
  return new ProtocolError(ofCaller.has(code) ? InvalidParams : InternalError, detail, { code })
}

const ofCaller: ReadonlySet<string> = new Set([
  'TASK_UNKNOWN',
  'TASK_ID_AMBIGUOUS',
  'FORBIDDEN',
  'UNAUTHENTICATED',
  'ANSWER_INVALID',
  'TOO_LARGE',
])
