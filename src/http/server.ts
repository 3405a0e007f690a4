import fastify, { LogController, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { z } from 'zod'
import { issuesOf } from '../contract/issues.ts'
import type { Route } from '../contract/route.ts'
import { problems } from '../contract/problems.ts'
import { routes } from '../contract/routes.ts'
import type { Session } from '../access/access.ts'
import { anonymous } from '../core/caller.ts'
import { OperationUnknown, OptionsInvalid, TaskUnknown, Unauthenticated } from '../core/errors.ts'
import { idPartOf } from '../core/short-id.ts'
import { withoutKeys } from '../core/keys.ts'
import { clip } from '../core/text.ts'
import { Throttle } from '../core/throttle.ts'
import { traceContext, traceIdOf, type TraceContext } from '../core/trace-context.ts'
import type { RequestSpan, Tracing } from '../core/tracing.ts'
import type { TaskManagerApi } from '../engine/api.ts'
import { docs } from './docs.ts'
import { corsHeaders, Guard, preflightHeaders, type GuardOptions } from './guards.ts'
import type { Answered, Call } from './call.ts'
import { keyIn, mustHaveScope } from './credentials.ts'
import { mustHaveBudget } from './rate-limits.ts'
import { createHandlers } from './handlers.ts'
import { isId } from './ids.ts'
import { readJsonBodies } from './json-bodies.ts'
import { ignoreBodies, readReasons, reasonIn } from './lenient-bodies.ts'
import { Metrics } from './metrics.ts'
import { builtPage, page } from './page.ts'
import {
  bodyLimit,
  internal,
  problemOf,
  type Problem,
  refuseOnSocket,
  RequestRefused,
  safetyHeaders,
  sendProblem,
} from './problems.ts'
import { Readable } from 'node:stream'
import { Streams, type StreamLogger } from './stream.ts'
import { deferContinue, Traffic } from './traffic.ts'
import { Waits } from './waits.ts'

export type ServerOptions = Readonly<{
  manager: TaskManagerApi
  version: string
  logger: ServerLogger
  /** Names to accept and pages that may call it, in addition to its own. */
  allowed?: GuardOptions
  /** Serve only health and metrics. */
  healthOnly?: boolean
  /** The prefix under which a proxy serves it, like `/fermata`; requests may include it or not. */
  basePath?: string
  /** Milliseconds between heartbeats of a stream. Default 15,000. */
  heartbeat?: number
  /** Folder of the built web page. Default: where the build puts it. */
  page?: string
  /** Default: no spans. */
  tracing?: Tracing | undefined
  /** Timeouts for clients, in milliseconds. */
  patience?: Partial<typeof patience>
}>

/**
 * Milliseconds before the connection of a slow client is closed: for the head of a request, for the whole request, and
 * between two bytes of a response that it does not read (longer than a call may wait and a stream may be silent).
 */
const patience = { head: 15_000, request: 60_000, idle: 120_000 }

/** The operator's log; its level decides whether every response is logged. */
export type ServerLogger = StreamLogger &
  Readonly<{
    level: string
    debug(fields: object, message: string): void
    info(fields: object, message: string): void
    error(fields: object, message: string): void
  }>

const jsonMedia = 'application/json; charset=utf-8'

/** The contract validates requests and responses are strings: without compilers of its own, Fastify starts sooner. */
const withoutSchemas = {
  buildValidator: (() => () => () => true) as never,
  buildSerializer: (() => () => JSON.stringify) as never,
}

/** The HTTP server for an engine, ready to listen. Closing it ends its streams, but not the engine. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const {
    manager,
    version,
    logger,
    allowed = { hosts: [], origins: [] },
    healthOnly = false,
    basePath = '/',
    heartbeat = 15_000,
    tracing,
  } = options
  const { head, request, idle } = { ...patience, ...options.patience }
  const { access } = manager
  const guard = new Guard(allowed, () => access.isClosed)
  const base = basePath.replace(/\/$/, '')
  const app = fastify({
    logger: false,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestId,
    requestIdHeader: false,
    bodyLimit,
    requestTimeout: request,
    connectionTimeout: idle,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    http: {
      requireHostHeader: false,
      // A busy client sends late on a connection that it was told to be open: it would not know whether the request arrived.
      keepAliveTimeoutBuffer: 10_000,
      headersTimeout: head,
      connectionsCheckingInterval: Math.min(5_000, head / 2),
    },
    schemaController: { compilersFactory: withoutSchemas },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 16_384 },
    rewriteUrl: ({ url = '/' }) => (base !== '' && url.startsWith(`${base}/`) ? url.slice(base.length) : url),
    frameworkErrors: (error, request, reply) => {
      reply.header('x-request-id', request.id)
      reply.headers(safetyHeaders)
      refuse(error, request, reply)
    },
    clientErrorHandler: (error, socket) => refuseOnSocket(error, socket, randomUUID()),
  })

  // An unknown expectation may be ignored; by default, Node responds with 417 and nothing else.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  app.server.on('checkContinue', (request, response) => {
    deferContinue(request)
    app.server.emit('request', request, response)
  })

  // Lines per code and interval in milliseconds.
  const refusals = new Throttle(20, 10_000)

  function refuse(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    let problem = problemOf(error)
    if (problem === undefined && manager.state.phase === 'closed') {
      problem = { code: 'SHUTTING_DOWN', detail: 'This server is shutting down.' }
    }
    if (problem === undefined) {
      logger.error(
        {
          err: error,
          request_id: request.id,
          method: request.method,
          path: pathOf(request),
          ...traceOf(request),
        },
        'request failed',
      )
    }
    if (problem !== undefined) logRefusal(request, problem)
    void sendProblem(reply, problem ?? internal)
  }

  /**
   * Logs refusals, so that the id of a response is found in the log; during a flood, only a part. Details of client errors
   * may quote what was sent, so only server errors are logged completely.
   */
  function logRefusal(request: FastifyRequest, { code, detail }: Problem): void {
    const leftOut = refusals.pass(code, performance.now())
    if (leftOut === undefined) return
    const { id, method } = request
    const { status } = problems[code]
    logger.info(
      {
        request_id: id,
        method,
        path: pathOf(request),
        status,
        code,
        ...traceOf(request),
        ...(status < 500 ? {} : { detail: clip(detail, 500) }),
        ...(leftOut === 0 ? {} : { unsaid: leftOut }),
      },
      'refused',
    )
  }
  app.setErrorHandler(refuse)

  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    reply.headers(safetyHeaders)
    const refused = guard.refused({ method: request.method, url: request.url, headers: request.headers })
    if (refused !== undefined) return done(refused)
    const { origin } = request.headers
    if (guard.allowsOrigin(origin)) {
      reply.headers(corsHeaders(origin))
      if (request.method === 'OPTIONS' && 'access-control-request-method' in request.headers) {
        void reply.code(204).headers(preflightHeaders(request.headers)).send()
        return
      }
    }
    done(request.is404 ? nothingAt(request) : undefined)
  })
  app.setNotFoundHandler((request) => {
    throw nothingAt(request)
  })
  if (logger.level === 'debug' || logger.level === 'trace') {
    app.addHook('onResponse', (request, reply, done) => {
      const { id, method } = request
      const { statusCode: status, elapsedTime: ms } = reply
      logger.debug(
        {
          request_id: id,
          method,
          path: pathOf(request),
          status,
          ms,
          ...taskOf(request, reply),
          ...traceOf(request),
        },
        'request handled',
      )
      done()
    })
  }
  const metrics = new Metrics(manager, version)
  app.addHook('onResponse', (request, reply, done) => {
    const { url } = request.routeOptions
    const route = url === undefined || url === '/*' ? 'unknown' : templateOf(url)
    metrics.answered(route, reply.statusCode, streamed.has(route) ? null : reply.elapsedTime)
    traces.get(request)?.span?.ended(reply.statusCode)
    done()
  })
  app.removeContentTypeParser('text/plain')
  const traffic = new Traffic()
  readJsonBodies(app, traffic)

  const waits = new Waits(access)
  const streams = new Streams({ heartbeat, logger })
  app.addHook('preClose', (done) => {
    streams.close()
    waits.close()
    done()
  })
  const handlers = createHandlers({
    access,
    streams,
    waits,
    traffic,
    metrics,
    logger,
    version,
    base,
  })
  const methods = new Map<string, string[]>()
  for (const [operation, route] of Object.entries<Route>(routes)) {
    if (healthOnly && !ofWorkers.has(operation)) continue
    const handle = handlers[operation as keyof typeof handlers] as (call: Call<Route>) => Answered
    addRoute(app, { manager, traffic, tracing }, route, handle)
    methods.set(route.path, [...(methods.get(route.path) ?? []), ...methodsOf(route)])
  }
  for (const [path, allowed] of methods) refuseOthers(app, path, allowed)

  if (healthOnly) return app
  // Relative to the page, it would resolve outside the prefix.
  if (base !== '') app.get(base, (_, reply) => reply.redirect(`${base}/`))
  await app.register(page, { folder: options.page ?? builtPage() })
  await app.register(docs, { version, manager })
  return app
}

const ofWorkers: ReadonlySet<string> = new Set([
  'getHealth',
  'getReadiness',
  'getMetrics',
] satisfies (keyof typeof routes)[])

/** Paths of streams, which have no time to respond. */
const streamed: ReadonlySet<string> = new Set(
  Object.values<Route>(routes).flatMap(({ path, answer }) => (answer.stream === undefined ? [] : [path])),
)

function addRoute(
  app: FastifyInstance,
  {
    manager,
    traffic,
    tracing,
  }: Readonly<{ manager: TaskManagerApi; traffic: Traffic; tracing: Tracing | undefined }>,
  route: Route,
  handle: (call: Call<Route>) => Answered | Promise<Answered>,
): void {
  void app.register((scope, _, registered) => {
    const { access } = manager
    const limit = route.bodyLimit ?? bodyLimit
    if (route.reason === true) readReasons(scope)
    else if (route.body === undefined) ignoreBodies(scope)
    scope.route({
      method: route.method,
      url: patternOf(route.path),
      bodyLimit: limit,
      exposeHeadRoute: methodsOf(route).includes('HEAD'),
      onRequest(request, reply, done) {
        if (route.scope !== 'open') trace(request, route, tracing)
        const enter = (session: Session) => {
          mustHaveBudget(access.admit(session), reply)
          mustHaveScope(session, route)
          const caller = { session, manager: manager.as(session.caller, request.id) }
          callers.set(request, caller)
          const params = request.params as Named
          const { task_id: id } = params
          if (id === undefined || idPartOf(id) === undefined) {
            const finish = () => done(unknownIn(params, caller.manager))
            const { task_type: type } = params
            if (type === undefined || caller.manager.registry.find(type) !== undefined) return finish()
            return void caller.manager.learn(type).then(finish, done)
          }
          const goOn = (whole: string) => {
            request.params = { ...params, task_id: whole }
            done()
          }
          return void caller.manager.resolve(id).then(goOn, done)
        }
        if (route.scope === 'open') return enter(withoutKey)
        try {
          const session = access.session(keyIn(request.headers))
          if (session instanceof Promise) void session.then(enter).then(undefined, done)
          else enter(session)
        } catch (error) {
          done(error as Error)
        }
      },
      ...(route.body === undefined
        ? {}
        : {
            preParsing(request: FastifyRequest, reply: FastifyReply, payload: Readable, done: BodyRead) {
              const admitted = traffic.admit(request, reply, payload, limit)
              if (!(admitted instanceof Readable)) return admitted
              done(null, admitted)
              return undefined
            },
          }),
      async handler(request, reply) {
        const caller = callers.get(request)!
        // Its body may have taken long.
        if (route.scope !== 'open' && !access.isLive(caller.session)) throw new Unauthenticated('invalid')
        const answer = await handle({
          params: request.params as never,
          query: checked(route.query, request.query, 'query') as never,
          headers: checked(route.headers, request.headers, 'headers') as never,
          body: checked(route.body, request.body, 'body') as never,
          ...caller,
          reason: route.reason === true ? reasonIn(request.body) : undefined,
          requestId: request.id,
          trace: traces.get(request)?.context ?? null,
          reply,
        })
        if (answer === undefined) return reply
        if (route.answer.raw === undefined) reply.header('content-type', jsonMedia)
        return typeof answer === 'string' || answer instanceof Readable ? answer : JSON.stringify(answer)
      },
    })
    registered()
  })
}

type RequestTrace = Readonly<{ context: TraceContext; span: RequestSpan | undefined }>

/** Of requests that belong to a trace. */
const traces = new WeakMap<FastifyRequest, RequestTrace>()

/** Continues the trace of the caller, or starts one if this node traces. */
function trace(request: FastifyRequest, { method, path }: Route, tracing: Tracing | undefined): void {
  const { traceparent, tracestate } = request.headers
  if (traceparent === undefined && tracing === undefined) return
  const parent = traceContext(textOf(traceparent), textOf(tracestate))
  const span = tracing?.request({ method, route: path }, parent)
  const context = span?.context ?? parent
  if (context !== null) traces.set(request, { context, span })
}

/** For logs. */
function traceOf(request: FastifyRequest): Readonly<{ trace_id?: string }> {
  const found = traces.get(request)
  return found === undefined ? {} : { trace_id: traceIdOf(found.context) }
}

function textOf(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : header?.join(',')
}

/** Callers of requests that are being handled. */
const callers = new WeakMap<FastifyRequest, Readonly<{ session: Session; manager: TaskManagerApi }>>()

/** Of calls that need no key. */
const withoutKey: Session = { caller: anonymous, isOver: false, budget: null }

type BodyRead = (error: Error | null, body?: Readable) => void
type Named = Readonly<{ task_id?: string; task_type?: string; operation_id?: string }>

/** What a path names must exist before anything else about the request matters; any text may appear there. */
function unknownIn(
  { task_id: id, task_type: type, operation_id: operation }: Named,
  manager: TaskManagerApi,
): Error | undefined {
  if (id !== undefined && !isId(id)) return new TaskUnknown(id)
  if (operation !== undefined && !isId(operation)) return new OperationUnknown(operation)
  try {
    if (type !== undefined) manager.registry.get(type)
  } catch (error) {
    return error as Error
  }
  return undefined
}

/** Without these, or with values of another type, a body is not a valid request. */
const wholeParts: ReadonlySet<string> = new Set(['parameters', 'tasks', 'action', 'filter'])

function checked(schema: z.ZodType | undefined, value: unknown, part: 'query' | 'headers' | 'body'): unknown {
  if (schema === undefined) return undefined
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issues = issuesOf(parsed.error)
  const refused = new OptionsInvalid(issues)
  const whole = part === 'body' && issues.some(({ path }) => path === '' || wholeParts.has(path))
  throw whole ? new RequestRefused('BODY_INVALID', refused.message, { issues }) : refused
}

/** Returns 405 for every method that the path does not support. */
function refuseOthers(app: FastifyInstance, path: string, allowed: readonly string[]): void {
  const headers = { allow: allowed.join(', ') }
  app.route({
    method: app.supportedMethods.filter((method) => !allowed.includes(method)),
    url: patternOf(path),
    onRequest(request, _reply, done) {
      const detail = `${request.method} is not supported here; use ${headers.allow}.`
      done(new RequestRefused('METHOD_NOT_ALLOWED', detail, { headers }))
    },
    handler: () => undefined,
  })
}

function methodsOf({ method, answer }: Route): string[] {
  return method === 'GET' && answer.stream === undefined ? ['GET', 'HEAD'] : [method]
}

function patternOf(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1')
}

const templates = new Map<string, string>()

/** As in the contract, from the pattern of a route. */
function templateOf(pattern: string): string {
  let template = templates.get(pattern)
  if (template === undefined) templates.set(pattern, (template = pattern.replaceAll(/:(\w+)/g, '{$1}')))
  return template
}

/** Without the query, which may contain private data: the log has other readers than the caller. */
function pathOf({ url }: FastifyRequest): string {
  return withoutKeys(url.split('?', 1)[0]!).slice(0, 200)
}

/** The task that a request names, or that it submitted. */
function taskOf({ params }: FastifyRequest, reply: FastifyReply): Readonly<{ task?: string }> {
  const submitted = /\/api\/task\/([\w-]+)/.exec(String(reply.getHeader('location') ?? ''))?.[1]
  const task = (params as Named | undefined)?.task_id ?? submitted
  return task === undefined ? {} : { task }
}

function nothingAt({ method, url }: FastifyRequest): RequestRefused {
  return new RequestRefused('NOT_FOUND', `No resource at ${method} ${url.slice(0, 200)}.`)
}

/** The caller's request id if it is valid, so that it appears in both logs. */
function requestId({ headers }: IncomingMessage): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && /^[\w.-]{1,128}$/.test(given) ? given : randomUUID()
}
