import { open } from 'node:fs/promises'
import { Socket } from 'node:net'
import type { Route } from '../contract/route.ts'
import { routes, type Routes } from '../contract/routes.ts'
import type { serverRoutes } from '../contract/server-routes.ts'
import { historyBody, nodesBody, statsBody } from '../contract/report-bodies.ts'
import type { TaskManagerApi } from '../engine/api.ts'
import { pointerText, type Pointer } from '../core/redaction.ts'
import { mustSeeAll } from '../engine/limited.ts'
import { accessHandlers } from './access-handlers.ts'
import { mcpHandlers } from './mcp-handlers.ts'
import { reasonOf, type Call, type HandlerContext, type Handlers } from './call.ts'
import { RequestRefused } from './problems.ts'
import { waitHandlers } from './wait-handlers.ts'
import { limitHandlers } from './limit-handlers.ts'
import { queueHandlers } from './queue-handlers.ts'
import { scheduleHandlers } from './schedule-handlers.ts'
import { taskHandlers } from './task-handlers.ts'
import { webhookHandlers } from './webhook-handlers.ts'
import { workerHandlers } from './worker-handlers.ts'

/** The handlers of the API, a thin layer over the engine. Engine errors pass through. */
export function createHandlers(context: HandlerContext): Handlers {
  return {
    ...taskHandlers(context),
    ...queueHandlers(context),
    ...scheduleHandlers(context),
    ...workerHandlers(context),
    ...limitHandlers(context),
    ...waitHandlers(context),
    ...webhookHandlers(context),
    ...serverHandlers(context),
    ...accessHandlers(context),
    ...mcpHandlers(context),
  }
}

/** Handlers for task types and the server. */
function serverHandlers({ metrics, version, base }: HandlerContext): Handlers<keyof typeof serverRoutes> {
  const types = typeTexts()
  const hold = async (call: Call<Routes['holdType']>, held: boolean) => {
    const { task_type: type } = call.params
    await call.manager.hold(type, held, reasonOf(call))
    const message = held ? 'is held: its tasks do not start' : 'is no longer held'
    return { message: `Type ${type} ${message}.`, task_type: type, held }
  }

  return {
    async listTypes({ manager }) {
      await manager.learn()
      return types.all(manager.registry, (await manager.counts()).held)
    },
    getType: async ({ params, manager }) =>
      types.one(manager.registry.get(params.task_type), (await manager.counts()).held),
    holdType: (call) => hold(call, true),
    releaseType: (call) => hold(call, false),

    getIndex: () => ({
      name: 'Fermata',
      version,
      description: 'Queue, watch, pause, resume and cancel tasks while they run.',
      links: Object.fromEntries(links.map(([name, path]) => [name, `${base}${path}`])),
    }),

    getStats: async ({ manager }) => statsBody(await manager.stats()),

    getHistory: async ({ query, manager }) =>
      historyBody(
        await manager.history(query.span === '1h' ? 'hour' : 'day', query.type),
        query.span,
        manager.now(),
      ),

    listNodes: async ({ manager }) =>
      nodesBody(await manager.nodes(), await manager.workers.list(), manager.state.id),

    async createBackup({ manager, reply }) {
      // It may take longer than a connection may be silent. An injected request has none.
      const { socket } = reply.raw
      if (socket instanceof Socket) socket.setTimeout(0)
      await using backup = await manager.backup()
      const file = await open(backup.path)
      reply.header('content-type', 'application/vnd.sqlite3').header('content-length', backup.size)
      // Deleted now: an open file exists until it is read.
      return file.createReadStream()
    },

    async getMetrics({ session, reply }) {
      mustSeeAll(session.caller, 'metrics count')
      const { text, media } = await metrics.text()
      reply.header('content-type', media)
      return text
    },

    getHealth: () => ({ status: 'ok' }),

    async getReadiness({ manager }) {
      const trouble = await manager.trouble()
      if (trouble === null) return { status: 'ready' }
      throw new RequestRefused('NOT_READY', `This server is not accepting work. ${trouble}`)
    },
  }
}

const links = [
  ['docs', '/docs'],
  ['redoc', '/redoc'],
  ['openapi', '/openapi.json'],
  ...Object.entries<Route>(routes).map(([operation, { path }]) => [operation, path]),
] as const

type Held = Awaited<ReturnType<TaskManagerApi['counts']>>['held']

type Type = ReturnType<TaskManagerApi['registry']['get']>

/** A definition never changes, only its hold does, so the rest of its body is built once. */
function typeTexts() {
  const bodies = new WeakMap<Type, string>()
  const bodyOf = (type: Type) => {
    const text = bodies.get(type) ?? JSON.stringify(typeBody(type)).slice(0, -1)
    bodies.set(type, text)
    return text
  }
  const one = (type: Type, held: Held) => `${bodyOf(type)},${holdText(held, type.type)}}`
  const all = (registry: TaskManagerApi['registry'], held: Held) => {
    const types = [...registry]
    const details = types.map((type) => `${JSON.stringify(type.type)}:${one(type, held)}`)
    const names = JSON.stringify(types.map(({ type }) => type))
    return `{"available_tasks":${names},"task_details":{${details.join(',')}}}`
  }
  return { one, all }
}

function holdText(held: Held, type: string): string {
  const hold = Object.hasOwn(held, type) ? held[type] : undefined
  if (hold === undefined) return '"held":false,"hold":null'
  return `"held":true,"hold":${JSON.stringify({ since: hold.since / 1_000, by: hold.by, reason: hold.reason })}`
}

function typeBody(type: Type) {
  return {
    type: type.type,
    description: type.description,
    parameters: type.jsonSchema,
    example: type.example ?? null,
    runs: type.runs,
    concurrency: type.concurrency,
    unique: uniqueBody(type),
    preemptible: type.preemption !== null,
    max_queued: type.maxQueued,
    max_attempts: type.attempts,
    timeout: type.timeout === null ? null : type.timeout / 1_000,
    expires_in: type.expiresIn === null ? null : type.expiresIn / 1_000,
    sensitive: {
      parameters: textsOf(type.sensitive?.parameters),
      checkpoint: textsOf(type.sensitive?.checkpoint),
      result: textsOf(type.sensitive?.result),
    },
  }
}

function uniqueBody({ unique }: ReturnType<TaskManagerApi['registry']['get']>) {
  if (unique === null) return null
  const lasts = unique.for === null ? null : unique.for / 1_000
  return { while: unique.while, for: lasts, on_conflict: unique.onConflict }
}

function textsOf(pointers: readonly Pointer[] = []): string[] {
  return pointers.map(pointerText)
}
