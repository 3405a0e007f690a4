import { z } from 'zod'
import * as access from './access.ts'
import * as answers from './answers.ts'
import { batchExamples, runContent, typeComponents, typeNames, type DescribedType } from './openapi-types.ts'
import { problems, type ProblemCode } from './problems.ts'
import * as reports from './reports.ts'
import { BatchRequest, RunRequest } from './requests.ts'
import { BulkRequest } from './filters.ts'
import { commonProblems, tags, type Route } from './route.ts'
import { routes } from './routes.ts'

type Json = Record<string, unknown>

/** Schemas that become named components and are referenced elsewhere. */
const components: Readonly<Record<string, z.ZodType>> = {
  RunRequest,
  BatchRequest,
  BulkRequest,
  Accepted: answers.Accepted,
  ControlAnswer: answers.ControlAnswer,
  Status: answers.Status,
  StatusBody: answers.StatusBody,
  ResultBody: answers.ResultBody,
  Details: answers.DetailsBody,
  Progress: answers.ProgressBody,
  TaskError: answers.TaskErrorBody,
  AttemptError: answers.AttemptErrorBody,
  EndedBy: answers.EndedBy,
  Attempt: answers.AttemptBody,
  TimelineEntry: answers.TimelineBody,
  Log: answers.LogBody,
  Steps: answers.StepsBody,
  Family: answers.FamilyBody,
  Type: answers.TypeBody,
  Types: answers.TypesBody,
  Finished: reports.Finished,
  BatchAccepted: reports.BatchAccepted,
  ListedTask: reports.ListedBody,
  SelectedTask: reports.SelectedBody,
  TaskPage: reports.ListBody,
  Explanation: reports.ExplainBody,
  Purged: reports.PurgeAnswer,
  Hold: reports.HoldAnswer,
  Filter: reports.FilterBody,
  Operation: reports.OperationBody,
  Stats: reports.StatsBody,
  Index: answers.IndexBody,
  Health: answers.HealthBody,
  Me: access.MeBody,
  KeyRequest: access.KeyRequest,
  RotateRequest: access.RotateRequest,
  Key: access.KeyBody,
  IssuedKey: access.IssuedKeyBody,
  Keys: access.KeysBody,
  Problem: answers.ProblemBody,
}
const names = new Map(Object.entries(components).map(([name, schema]) => [schema as unknown, name]))

/** The OpenAPI 3.1 document of the API, from the same schemas that validate its requests. */
export function openapi(version: string, types: readonly DescribedType[]): Json {
  const paths: Record<string, Json> = {}
  for (const [operationId, route] of Object.entries<Route>(routes)) {
    paths[route.path] ??= {}
    paths[route.path]![route.method.toLowerCase()] = operation(operationId, route, types)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Fermata',
      version,
      description:
        'A self-hosted task manager: queue, watch, pause, resume and cancel each task while it runs. Times are Unix seconds; durations are seconds.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    // Relative to the document itself, so it is correct behind a proxy with a prefix.
    servers: [{ url: '.', description: 'This server' }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: {
        ...Object.fromEntries(Object.entries(components).map(([name, schema]) => [name, described(schema)])),
        ...typeComponents(types),
      },
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'A key, `fmt_...`. Required by servers that have keys; others are open.',
        },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'The same key.' },
      },
    },
  }
}

function operation(operationId: string, route: Route, types: readonly DescribedType[]): Json {
  const { tag, summary, description, body } = route
  const parameters = [
    ...parametersIn('path', route.params).map((parameter) => ofTypes(parameter, types)),
    ...parametersIn('query', route.query),
    ...parametersIn('header', route.headers),
  ]
  return {
    operationId,
    tags: [tag],
    summary,
    description: scopeText(route) === '' ? description : `${description}\n\n${scopeText(route)}`,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': bodyContent(body, types) } } }),
    security: route.scope === 'open' ? [] : [{ bearer: [] }, { apiKey: [] }, {}],
    responses: withProtocolErrors(route, {
      ...success(route),
      ...refusals([...route.problems, ...commonOf(route)]),
    }),
  }
}

function scopeText({ scope }: Route): string {
  return scope === 'open' || scope === 'any' ? '' : `Scope of the key: \`${scope}\`.`
}

const ofKeys: ReadonlySet<ProblemCode> = new Set(['UNAUTHENTICATED', 'FORBIDDEN', 'RATE_LIMITED'])

/** Calls that need no key are not refused for the lack of one. */
function commonOf({ scope }: Route): readonly ProblemCode[] {
  return scope === 'open' ? commonProblems.filter((code) => !ofKeys.has(code)) : commonProblems
}

/** A new server can be tried immediately: its types are offered as choices, each with its example. */
function ofTypes(parameter: Json, types: readonly DescribedType[]): Json {
  const [first] = types
  if (parameter['name'] !== 'task_type' || first === undefined) return parameter
  return { ...parameter, schema: typeNames(types), example: first.type }
}

function bodyContent(body: z.ZodType, types: readonly DescribedType[]): Json {
  if (types.length === 0) return content(body)
  if (body === RunRequest) return runContent(types)
  if (body !== BatchRequest) return content(body)
  return { schema: content(body)['schema'], examples: batchExamples(types) }
}

/** Of draft-ietf-httpapi-ratelimit-headers. */
const rateHeaders = {
  'RateLimit-Policy':
    'If the key has a rate limit: `"key";q=100;w=60` means 100 requests at once, given back evenly over 60 seconds.',
  RateLimit:
    'If the key has a rate limit: `"key";r=99;t=1` means 99 requests are left, and all of them again in a second.',
}

function success(route: Route): Record<string, Json> {
  const { answer } = route
  const headers = {
    'X-Request-ID': 'The id of this request: the one you sent, or a new one.',
    ...(answer.tagged === undefined ? {} : { ETag: 'Changes with every transition and progress report.' }),
    ...(route.scope === 'open' ? {} : rateHeaders),
    ...answer.headers,
  }
  const json = answer.schema === undefined ? {} : { 'application/json': content(answer.schema) }
  const raw =
    answer.raw === undefined
      ? {}
      : {
          [answer.raw.media]: {
            schema: { type: 'string', description: answer.raw.description },
            example: answer.raw.example,
          },
        }
  const stream = {
    'text/event-stream': {
      schema: { type: 'string', description: answer.stream },
      example:
        'id: 2\nevent: transition\ndata: {"task_id":"...","version":2,"event":"claimed","status":"running"}\n\n',
    },
  }
  const full = {
    description: answer.description,
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, meaning]) => [
        name,
        { description: meaning, schema: { type: 'string' } },
      ]),
    ),
    content: answer.stream === undefined ? { ...json, ...raw } : stream,
  }
  if (answer.empty === true) return { 204: { description: answer.description } }
  return {
    [answer.created === true ? 201 : 200]: full,
    ...(answer.orCreated === undefined ? {} : { 201: { ...full, description: answer.orCreated } }),
    ...(answer.later === undefined ? {} : { 202: { ...full, description: answer.later } }),
    ...(answer.accepted === undefined ? {} : { 202: { description: answer.accepted } }),
    ...(answer.nothing === undefined ? {} : { 204: { description: answer.nothing } }),
    ...(answer.tagged === undefined ? {} : { 304: { description: 'Unchanged.' } }),
  }
}

/** One response per status, with an example per code. */
function refusals(codes: readonly ProblemCode[]): Record<string, Json> {
  const byStatus = new Map<number, ProblemCode[]>()
  for (const code of codes) {
    const { status } = problems[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  const response = (of: readonly ProblemCode[]) => ({
    description: of.map((code) => `\`${code}\`: ${problems[code].title}`).join('; '),
    content: {
      'application/problem+json': {
        schema: { $ref: '#/components/schemas/Problem' },
        examples: Object.fromEntries(of.map((code) => [code, { value: problemExample(code) }])),
      },
    },
  })
  return Object.fromEntries([...byStatus].map(([status, of]) => [status, response(of)]))
}

type Refusals = Readonly<{ description?: string; content?: Json }>

/** The responses, with refusals of another form beside problems. */
function withProtocolErrors({ answer }: Route, responses: Readonly<Record<string, Json>>): Json {
  const { refused } = answer
  if (refused === undefined) return responses
  const { statuses, description, schema } = refused
  const added = statuses.map((status) => {
    const { description: others, content: known } = (responses[status] ?? {}) as Refusals
    return [
      status,
      {
        description: others === undefined ? description : `${others}; ${description}`,
        content: { ...known, 'application/json': content(schema) },
      },
    ]
  })
  return { ...responses, ...Object.fromEntries(added) }
}

function problemExample(code: ProblemCode): Json {
  const { status, title } = problems[code]
  return {
    type: problemType(code),
    title,
    status,
    detail: `${title}.`,
    code,
    request_id: '0b1f7a52-5d0c-4b3a-8f1e-6c1f0f6f3c11',
  }
}

/** The `type` of a problem: an identifier, not an address to look up. */
export function problemType(code: ProblemCode): string {
  return `urn:fermata:problem:${code.toLowerCase().replaceAll('_', '-')}`
}

function parametersIn(place: 'path' | 'query' | 'header', object: z.ZodObject | undefined): Json[] {
  if (object === undefined) return []
  const schema = described(object)
  const required = (schema['required'] ?? []) as readonly string[]
  return Object.entries(schema['properties'] as Record<string, Json>).map(
    ([name, { description, example, ...shape }]) => ({
      name,
      in: place,
      required: required.includes(name),
      description,
      schema: shape,
      ...(example === undefined ? {} : { example }),
    }),
  )
}

function content(schema: z.ZodType): Json {
  const name = names.get(schema)
  const { example, ...inline } = described(schema)
  return {
    schema: name === undefined ? inline : { $ref: `#/components/schemas/${name}` },
    ...(example === undefined ? {} : { example }),
  }
}

/** As JSON schema, with references for named schemas inside it. Response objects are open, since they may gain fields. */
function described(schema: z.ZodType): Json {
  const { $schema: _, ...shape } = z.toJSONSchema(schema, {
    io: 'input',
    override({ zodSchema, jsonSchema, path }) {
      const name = names.get(zodSchema)
      if (name !== undefined && path.length > 0) {
        for (const key of Object.keys(jsonSchema)) delete (jsonSchema as Json)[key]
        jsonSchema.$ref = `#/components/schemas/${name}`
        return
      }
      if (jsonSchema.additionalProperties === false && !requests.has(schema)) {
        delete jsonSchema.additionalProperties
      }
      if (jsonSchema.type === 'integer') {
        if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
        if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
      }
    },
  })
  return shape
}

const requests: ReadonlySet<z.ZodType> = new Set<z.ZodType>([RunRequest, BatchRequest, BulkRequest])
