import { filterOf } from '../contract/caller-filter.ts'
import type { FastifyReply } from 'fastify'
import { Readable } from 'node:stream'
import { detailsBody, logBody, resultBody, statusBody } from '../contract/bodies.ts'
import type { mcpRoutes } from '../contract/mcp-routes.ts'
import { explainBody, listBody, statsBody } from '../contract/report-bodies.ts'
import type { Routes } from '../contract/routes.ts'
import { scopes as allScopes, type Caller, type Scope } from '../core/caller.ts'
import { withoutKeys } from '../core/keys.ts'
import { isTerminal } from '../core/task.ts'
import { waitLimits, WaitUnknown } from '../core/wait.ts'
import { headersOf } from '../core/trace-context.ts'
import type { TaskServer } from '../mcp/task-server.ts'
import type { Answered, Call, HandlerContext, Handlers } from './call.ts'
import { mustHaveScope } from './credentials.ts'
import { wholeTaskId } from './ids.ts'
import { internal, problemOf, RequestRefused } from './problems.ts'
import { submitOptions } from './task-handlers.ts'
import { most, type Room } from './traffic.ts'

type McpCall = Call<Routes['callMcp']>

/** The handler for agents. What speaks the protocol is loaded by the first call. */
export function mcpHandlers(context: HandlerContext): Handlers<keyof typeof mcpRoutes> {
  return {
    async callMcp(call) {
      const { answerTo, scopesFor } = await import('../mcp/http.ts')
      const { body, session, reply } = call
      mustBeJson(reply.request.headers['content-type'])
      const room = context.traffic.room(reply)
      const server = taskServer(context, call, room)
      for (const scope of scopesFor(body, await server.types())) mustHaveScope(session, { scope })
      return sent(await answerTo(requestOf(reply), body, server), reply, room)
    },
  }
}

/** The engine as the tools use it, on behalf of the caller. */
function taskServer(
  { waits, traffic, logger }: HandlerContext,
  { session, trace, requestId, manager: shown, reply }: McpCall,
  room: Room,
): TaskServer {
  const { caller } = session
  // What agents read ends up in transcripts that have other readers.
  const manager = shown.as(withoutSecrets(caller), requestId)
  const whole = (id: string) => wholeTaskId(manager, id)
  const read = async <T>(atMost: number, write: () => Promise<string>): Promise<T> => {
    // An answer has its document twice, as a value and as text.
    await room.take(2 * atMost)
    return JSON.parse(await write()) as T
  }

  return {
    caller: async () => caller,
    async types() {
      await manager.learn()
      return [...manager.registry].map(({ type, description, jsonSchema: parameters, example = null }) => {
        return { type, description, parameters, example }
      })
    },
    async submit(type, draft) {
      const options = { ...submitOptions(draft, undefined), ...headersOf(trace) }
      const { task, existing } = await manager.enqueue(type, draft.parameters, options)
      // Before waiting for the end of the task.
      traffic.forget(reply)
      return { task_id: task.id, status: task.status, existing }
    },
    status: async (id) => {
      const known = await whole(id)
      return read(most.status, async () => statusBody(await manager.brief(known), manager.now()))
    },
    async result(id, seconds) {
      const known = await whole(id)
      const { task } = await manager.brief(known)
      if (!isTerminal(task.status)) {
        const ended = await waits.forEnd(manager, known, { session, seconds, reply })
        if (ended === undefined) return undefined
      }
      return read(most.details, async () => resultBody(await manager.details(known), manager.now()))
    },
    details: async (id) => {
      const known = await whole(id)
      return read(most.details, async () => detailsBody(await manager.details(known), manager.now()))
    },
    list({ limit, cursor, fields, ...filter }) {
      const parameters = fields.includes('parameters')
      const options = { limit, parameters, ...(cursor === undefined ? {} : { cursor }) }
      return read(most.page, async () =>
        listBody(await manager.list(filterOf(filter), options), manager.now(), fields),
      )
    },
    async control(name, id, { wait, reason, from }) {
      const options = {
        wait: wait * 1_000,
        fromStart: from === 'start',
        ...(reason === undefined ? {} : { reason }),
      }
      return waits.whileLive(session, manager.control(await whole(id), name, options))
    },
    explain: async (id) => explainBody(await manager.explain(await whole(id))),
    async log(id, after, limit) {
      const known = await whole(id)
      return read(most.log, async () => logBody(await manager.log(known, { after, limit: limit + 1 }), limit))
    },
    stats: async () => statsBody(await manager.stats()),
    async waits(id) {
      const { waits: found } = await manager.waits.of(await whole(id), { limit: waitLimits.waits })
      return found
        .filter(({ status }) => status === 'open')
        .map(({ name, occurrence, schema, message }) => ({ name, occurrence, schema, message }))
    },
    async answer(id, { name, occurrence }, answer, options) {
      const known = await whole(id)
      if (occurrence === undefined) {
        await manager.waits.answer(known, name, answer, options)
        return
      }
      const { waits: found } = await manager.waits.of(known, { limit: waitLimits.waits })
      const wait = found.find((one) => one.name === name && one.occurrence === occurrence)
      if (wait?.token == null) throw new WaitUnknown('task-gone')
      await manager.waits.answerToken(wait.token, answer, options)
    },
    refusal(error) {
      const problem = problemOf(error)
      if (problem === undefined)
        logger.error({ err: error, request_id: requestId, path: '/mcp' }, 'request failed')
      const { code, detail, more } = problem ?? internal
      const issues = more?.['errors'] as ReturnType<TaskServer['refusal']>['issues']
      return { code, detail: withoutKeys(detail), ...(issues === undefined ? {} : { issues }) }
    },
  }
}

function withoutSecrets(caller: Caller): Caller {
  const given: readonly Scope[] = caller.scopes.includes('admin') ? allScopes : caller.scopes
  const scopes = given.filter((scope) => scope !== 'admin')
  return { ...caller, scopes }
}

/** The protocol knows no other form of JSON, and its own refusal is no problem document. */
function mustBeJson(type: string | undefined): void {
  if (type === undefined || /^application\/json\s*(?:;|$)/i.test(type)) return
  const detail = 'Send JSON with the header Content-Type: application/json.'
  throw new RequestRefused('UNSUPPORTED_MEDIA_TYPE', detail)
}

/** The request for the protocol, without its body. It ends with the connection. */
function requestOf({ request, raw }: FastifyReply): Request {
  const over = new AbortController()
  raw.once('close', () => over.abort())
  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers)) {
    if (/^(?:content-type|last-event-id|mcp-[\w-]+)$/.test(name)) headers.set(name, String(value))
  }
  const { accept = '*/*' } = request.headers
  headers.set('accept', accept.includes('*/*') ? 'application/json, text/event-stream' : accept)
  return new Request('http://fermata/mcp', { method: 'POST', headers, signal: over.signal })
}

async function sent(response: Response, reply: FastifyReply, room: Room): Promise<Answered> {
  reply.code(response.status)
  const { headers, body } = response
  for (const name of ['content-type', 'cache-control', 'allow']) {
    const value = headers.get(name)
    if (value !== null) reply.header(name, value)
  }
  if (body === null) {
    void reply.send()
    return undefined
  }
  if (headers.get('content-type')?.startsWith('text/event-stream') === true)
    return Readable.from(begun(body), { objectMode: false })
  return room.fill(await response.text())
}

/** The head of a response is sent with its first part, and the answer can take long. */
async function* begun(events: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield Buffer.from(': begun\n\n')
  yield* events
}
