import { openapi } from '../../src/contract/openapi.ts'
import { tags } from '../../src/contract/route.ts'
import { builtinTypes } from '../../src/registry/builtin/index.ts'
import { version } from '../../src/version.ts'

type Json = Record<string, unknown>

/** One request of the collections. */
export type Step = Readonly<{
  name: string
  tag: string
  description: string
  method: string
  /** With variables in double braces. */
  path: string
  query: readonly Readonly<{ name: string; value: string; description: string; required: boolean }>[]
  body: unknown
  /** It streams: without the id of a finished task, it would continue forever. */
  streams: boolean
  /** Success statuses according to the document. */
  statuses: readonly number[]
  /** Variable set from its response, and the path of the value in the body. */
  sets?: Readonly<{ variable: string; path: readonly string[] }>
}>

/** A run from the first request to the last succeeds in this order; a call not listed here comes at the end of its tag. */
const order = [
  'getIndex',
  'getHealth',
  'getReadiness',
  'listTypes',
  'getType',
  'submitTask',
  'getTaskStatus',
  'answerTask',
  'getTaskWaits',
  'pauseTask',
  'resumeTask',
  'getTask',
  'cancelTask',
  'retryTask',
  'cancelTask',
  'getTaskResult',
  'setLimit',
  'listLimits',
  'getLimit',
  'listBuckets',
  'createWebhook',
  'listWebhooks',
  'getWebhook',
  'replaceWebhook',
  'testWebhook',
  'listDeliveries',
  'redeliver',
  'rotateWebhook',
]

/** Body values that later calls depend on, or that can be sent again. */
const bodies: Readonly<Record<string, unknown>> = {
  createSchedule: { type: 'add', parameters: { a: 2, b: 3 }, cron: '0 9 * * 1-5', timezone: 'Europe/Berlin' },
  // Nothing is sent.
  createWebhook: { url: 'https://hooks.example/fermata', events: ['task.completed'], paused: true },
  submitTask: { parameters: { duration: 30, steps: 300 }, tags: ['collection'], priority: 5 },
  submitBatch: { tasks: [{ parameters: { duration: 0.1 } }, { parameters: { duration: 0.2, steps: 2 } }] },
}

/** Path values: the type, or from an earlier response. */
const sets: Readonly<Record<string, Step['sets']>> = {
  submitTask: { variable: 'task_id', path: ['task_id'] },
  bulk: { variable: 'operation_id', path: ['operation_id'] },
  createSchedule: { variable: 'schedule_id', path: ['id'] },
  createWebhook: { variable: 'webhook_id', path: ['id'] },
}

/** Calls after which a task no longer exists, or nothing can be run. */
const last = ['deleteWebhook', 'deleteLimit', 'deleteSchedule', 'holdType', 'releaseType', 'purgeTask']

/**
 * Left out: on an open server, the first key would close it, and nobody would know the key; and a worker needs a task that it has
 * claimed. No built-in type waits for an answer, so there is no token.
 */
export const leftOut = [
  'createKey',
  'getKey',
  'rotateKey',
  'revokeKey',
  'beat',
  'completeTask',
  'failTask',
  'returnPausedTask',
  'parkTask',
  'getStoredSteps',
  'lookAtWait',
  'answerWait',
]

export const variables = {
  base_url: 'http://localhost:8000',
  task_type: 'long',
  task_id: 'none',
  limit_name: 'mail-api',
  webhook_id: 'none',
  wait_name: 'approval',
  api_key: 'none',
} as const

/** Every call of the OpenAPI document as a complete request. */
export function steps(): readonly Step[] {
  const document = openapi(version, builtinTypes)
  const all = Object.entries(document['paths'] as Record<string, Json>).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => stepOf(method, path, operation as Json)),
  )
  const named = (id: string) => all.filter(({ operation }) => operation === id)
  const others = all.filter(({ operation }) => !order.includes(operation) && !last.includes(operation))
  const steps = [...order.flatMap(named), ...others, ...last.flatMap(named)]
  return steps.filter(({ operation }) => !leftOut.includes(operation))
}

/** Names of the tags, in the order of the contract. */
export const tagNames = Object.keys(tags)

/** Other variables in paths, in addition to those with an initial value. */
export function emptyVariables(): string[] {
  const found = steps().flatMap(({ path }) => [...path.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name!))
  return [...new Set(found)].filter((name) => !(name in variables))
}

function stepOf(method: string, path: string, operation: Json): Step & { operation: string } {
  const id = String(operation['operationId'])
  const responses = operation['responses'] as Record<string, Json>
  const parameters = (operation['parameters'] ?? []) as Json[]
  const set = sets[id]
  return {
    operation: id,
    name: String(operation['summary']),
    tag: String((operation['tags'] as unknown[])[0]),
    description: String(operation['description']),
    method: method.toUpperCase(),
    path: path.replaceAll(/\{(\w+)\}/g, '{{$1}}'),
    query: parameters
      .filter((parameter) => parameter['in'] === 'query')
      .map(({ name, example, description, required }) => ({
        name: String(name),
        value: textOf(example),
        description: textOf(description),
        required: required === true,
      })),
    body: bodies[id] ?? bodyOf(operation['requestBody'] as Json | undefined),
    streams: Object.keys(responses['200']?.['content'] ?? {}).join() === 'text/event-stream',
    statuses: Object.keys(responses)
      .map(Number)
      .filter((status) => status < 400),
    ...(set === undefined ? {} : { sets: set }),
  }
}

function bodyOf(request: Json | undefined): unknown {
  const content = request?.['content'] as Record<string, Json> | undefined
  const { example, examples } = content?.['application/json'] ?? {}
  const [first] = Object.values((examples ?? {}) as Record<string, Json>)
  return example ?? first?.['value']
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}
