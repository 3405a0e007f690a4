import { z } from 'zod'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FastifyInstance } from 'fastify'
import { routes, type OperationId } from '../../src/contract/routes.ts'
import { scopes, type Scope } from '../../src/core/caller.ts'
import { createServer } from '../../src/http/server.ts'
import { defineTask, openTaskManager, type TaskManager } from '../../src/index.ts'
import { quick } from '../fixtures/quick.ts'
import { Chance, seedOf } from '../support/chance.ts'

/**
 * What each call needs, written by hand: the server must agree, whatever its routes declare. More by
 * `SCOPE_REQUESTS=100000`; a failure is repeated with its `SCOPE_SEED`.
 */
const needs: Readonly<Record<OperationId, Scope | 'key' | 'nothing'>> = {
  submitTask: 'run',
  submitBatch: 'run',
  getTaskStatus: 'read',
  getTaskResult: 'read',
  getTask: 'read',
  pauseTask: 'control',
  resumeTask: 'control',
  cancelTask: 'control',
  retryTask: 'control',
  streamTaskEvents: 'read',
  getTaskLog: 'read',
  getTaskSteps: 'read',
  getTaskFamily: 'read',
  listWaits: 'read',
  getTaskWaits: 'read',
  answerTask: 'control',
  answerWait: 'control',
  explainTask: 'read',
  listFailures: 'read',
  listRuns: 'read',
  purgeTask: 'control',
  listTasks: 'read',
  streamChanges: 'read',
  bulk: 'control',
  getOperation: 'read',
  cancelOperation: 'control',
  listTypes: 'read',
  getType: 'read',
  holdType: 'control',
  releaseType: 'control',
  getIndex: 'read',
  getStats: 'read',
  getHistory: 'read',
  listNodes: 'read',
  getMetrics: 'read',
  getHealth: 'nothing',
  getReadiness: 'nothing',
  getMe: 'key',
  callMcp: 'key',
  createBackup: 'admin',
  listAudit: 'admin',
  createKey: 'admin',
  listKeys: 'admin',
  getKey: 'admin',
  rotateKey: 'admin',
  revokeKey: 'admin',
  previewSchedule: 'read',
  createSchedule: 'control',
  listSchedules: 'read',
  getSchedule: 'read',
  replaceSchedule: 'control',
  deleteSchedule: 'control',
  pauseSchedule: 'control',
  resumeSchedule: 'control',
  runSchedule: 'control',
  backfillSchedule: 'control',
  listTicks: 'read',
  registerWorker: 'worker',
  claimTasks: 'worker',
  beat: 'worker',
  completeTask: 'worker',
  failTask: 'worker',
  returnPausedTask: 'worker',
  parkTask: 'worker',
  getStoredSteps: 'worker',
  lookAtWait: 'worker',
  listLimits: 'read',
  getLimit: 'read',
  setLimit: 'control',
  deleteLimit: 'control',
  listBuckets: 'read',
  createWebhook: 'admin',
  listWebhooks: 'admin',
  getWebhook: 'admin',
  replaceWebhook: 'admin',
  deleteWebhook: 'admin',
  rotateWebhook: 'admin',
  testWebhook: 'admin',
  redeliver: 'admin',
  listDeliveries: 'admin',
}

/** Calls about all tasks. */
const aboutAll: ReadonlySet<OperationId> = new Set([
  'getStats',
  'getHistory',
  'listNodes',
  'getMetrics',
  'listLimits',
  'getLimit',
  'setLimit',
  'deleteLimit',
  'listBuckets',
  'createWebhook',
  'listWebhooks',
  'getWebhook',
  'replaceWebhook',
  'deleteWebhook',
  'rotateWebhook',
  'testWebhook',
  'redeliver',
  'listDeliveries',
])

const requests = Number(process.env['SCOPE_REQUESTS'] ?? 2_000)
const seed = seedOf('SCOPE_SEED', { long: process.env['SCOPE_REQUESTS'] !== undefined })
const logger = { level: 'silent', debug() {}, info() {}, warn() {}, error: console.error }
const other = defineTask({ type: 'other', parameters: z.object({ a: z.number() }), run: ({ a }) => a })
let manager: TaskManager
let app: FastifyInstance
beforeAll(async () => {
  const tasks = [quick, other]
  manager = await openTaskManager({ database: 'sqlite::memory:', tasks, drain: 1, maxConcurrent: 0, logger })
  app = await createServer({ manager, version: 'test', logger })
})
afterAll(async () => {
  await app.close()
  await manager.close()
})

type Caller = {
  readonly key: string | undefined
  readonly scopes: readonly Scope[]
  readonly types: readonly string[] | null
  readonly tags: readonly string[] | null
  readonly id: string | undefined
  isValid: boolean
}

type Known = Readonly<{ id: string; type: string; tags: readonly string[] }>

test(`${requests} requests of random callers are allowed and refused as a model says (seed ${seed})`, async () => {
  const chance = new Chance(seed)
  const root = await manager.access.create(draft('root', ['admin'], null, null), anyone)
  const callers: Caller[] = [
    { key: undefined, scopes: [], types: null, tags: null, id: undefined, isValid: false },
    { key: 'fmt_aaaaaaaaaaaa_wrong', scopes: [], types: null, tags: null, id: undefined, isValid: false },
  ]
  const add = async (number: number) => {
    const given = scopes.filter(() => chance.next() < 0.5)
    const isAdmin = given.includes('admin')
    const types = !isAdmin && chance.next() < 0.33 ? ['quick'] : null
    const tags = !isAdmin && chance.next() < 0.33 ? ['a'] : null
    const own = given.length === 0 ? (['read'] as const) : given
    const { key, text } = await manager.access.create(draft(`key ${number}`, own, types, tags), anyone)
    callers.push({ key: text, scopes: own, types, tags, id: key.id, isValid: true })
  }
  for (let number = 0; number < 12; number++) await add(number)
  const known: Known[] = []
  for (const type of ['quick', 'other']) {
    for (const tags of [[], ['a'], ['b']]) {
      const { task } = await manager.enqueue(type, { a: 1 }, { tags, delay: 3_600 })
      known.push({ id: task.id, type, tags })
    }
  }
  const operations = Object.keys(needs) as OperationId[]
  const seen = new Map<number, number>()
  for (let number = 0; number < requests; number++) {
    const caller = chance.of(callers)!
    if (caller.id !== undefined && chance.next() < 0.005) {
      await manager.access.revoke(caller.id, anyone)
      caller.isValid = false
      callers.splice(callers.indexOf(caller), 1, { ...caller, id: undefined })
      await add(100 + number)
    }
    const operation = chance.of(operations)!
    const task = chance.of(known)!
    const status = await ask(operation, caller, task, root.key.id)
    const expected = model(operation, caller, task)
    const context = JSON.stringify({ number, operation, caller: { ...caller, key: undefined }, task, status })
    if (expected === 'allowed') expect([401, 403].includes(status), context).toBe(false)
    else expect(status, context).toBe(expected)
    if (expected === 'allowed') expect(status, context).toBeLessThan(500)
    seen.set(status, (seen.get(status) ?? 0) + 1)
  }
  // The model is not satisfied by refusing everything, or by allowing it.
  for (const status of [200, 401, 403, 404])
    expect(seen.get(status) ?? 0, `${status}`).toBeGreaterThan(requests / 100)
})

const anyone = { caller: { id: null, name: 'anonymous', scopes, types: null, tags: null } }

function draft(
  name: string,
  own: readonly Scope[],
  types: readonly string[] | null,
  tags: readonly string[] | null,
) {
  return { name, scopes: own, types, tags, expiresAt: null, rateLimit: null }
}

function model(operation: OperationId, caller: Caller, task: Known): number | 'allowed' {
  const need = needs[operation]
  if (need === 'nothing') return 'allowed'
  if (!caller.isValid) return 401
  const { scopes: own, types, tags } = caller
  if (need !== 'key' && !own.includes(need) && !own.includes('admin')) return 403
  const { path } = routes[operation]
  const ofType = types === null || types.includes(task.type)
  const ofTag = tags === null || tags.some((tag) => task.tags.includes(tag))
  if (aboutAll.has(operation) && (types !== null || tags !== null)) return 403
  // Its invalid header is refused first, whatever the task is.
  if (operation === 'streamTaskEvents') return 'allowed'
  if (path.includes('{task_id}') && !(ofType && ofTag)) return 404
  if (path.includes('{task_type}') && !ofType) return 404
  if ((operation === 'holdType' || operation === 'releaseType') && tags !== null) return 403
  if (operation.startsWith('submit') && !ofTag) return 403
  return 'allowed'
}

const bodies = (operation: OperationId, { tags }: Known): object | undefined => {
  const one = { parameters: { a: 1 }, tags, delay: 3_600 }
  if (operation === 'submitTask') return one
  if (operation === 'submitBatch') return { tasks: [one, one] }
  // Nothing of these has an effect, so that the model need not remember it.
  if (operation === 'bulk') return { action: 'cancel', filter: {}, dry_run: true }
  if (operation === 'createKey') return { name: 'reaper', scopes: ['read'] }
  if (operation === 'setLimit') return { concurrency: 1 }
  return operation === 'rotateKey' ? {} : undefined
}

async function ask(operation: OperationId, { key }: Caller, task: Known, rootId: string): Promise<number> {
  const { method, path } = routes[operation]
  const stream = operation === 'streamChanges' || operation === 'streamTaskEvents'
  const keyId = operation === 'getKey' ? rootId : 'none'
  const url = path
    .replace('{task_id}', task.id)
    .replace('{task_type}', task.type)
    .replace('{operation_id}', 'none')
    .replace('{limit_name}', 'none')
    .replace('{key_id}', keyId)
    .replace('{schedule_id}', 'none')
  const body = bodies(operation, task)
  const wait = /(?:pause|resume|cancel|retry)Task/.test(operation) ? '?wait=0' : ''
  // An open stream does not end: an invalid header shows whether it would be opened.
  const headers = {
    host: 'localhost',
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    ...(stream && operation === 'streamTaskEvents' ? { 'last-event-id': 'none' } : {}),
  }
  const query = operation === 'streamChanges' ? '?status=none' : wait
  const answer = await app.inject({
    method,
    url: `${url}${query}`,
    headers,
    ...(body === undefined ? {} : { payload: body }),
  })
  return answer.statusCode
}
