import type { OperationId, Routes } from '../contract/routes.ts'

/** Method and path of each call. The compiler checks them against the contract, of which nothing is needed at run time. */
export const addresses = {
  submitTask: 'POST /api/run/{task_type}',
  submitBatch: 'POST /api/run/{task_type}/batch',
  getTaskStatus: 'GET /api/task/{task_id}/status',
  getTaskResult: 'GET /api/task/{task_id}/result',
  getTask: 'GET /api/task/{task_id}',
  pauseTask: 'POST /api/task/{task_id}/pause',
  resumeTask: 'POST /api/task/{task_id}/resume',
  cancelTask: 'DELETE /api/task/{task_id}',
  retryTask: 'POST /api/task/{task_id}/retry',
  streamTaskEvents: 'GET /api/task/{task_id}/events',
  getTaskLog: 'GET /api/task/{task_id}/logs',
  getTaskSteps: 'GET /api/task/{task_id}/steps',
  explainTask: 'GET /api/task/{task_id}/explain',
  purgeTask: 'POST /api/task/{task_id}/purge',
  listTasks: 'GET /api/task',
  listFailures: 'GET /api/failures',
  streamChanges: 'GET /api/events',
  bulk: 'POST /api/bulk',
  getOperation: 'GET /api/operations/{operation_id}',
  cancelOperation: 'DELETE /api/operations/{operation_id}',
  listTypes: 'GET /api/tasks',
  getType: 'GET /api/tasks/{task_type}',
  holdType: 'POST /api/tasks/{task_type}/pause',
  releaseType: 'POST /api/tasks/{task_type}/resume',
  previewSchedule: 'POST /api/schedules/preview',
  createSchedule: 'POST /api/schedules',
  listSchedules: 'GET /api/schedules',
  getSchedule: 'GET /api/schedules/{schedule_id}',
  replaceSchedule: 'PUT /api/schedules/{schedule_id}',
  deleteSchedule: 'DELETE /api/schedules/{schedule_id}',
  pauseSchedule: 'POST /api/schedules/{schedule_id}/pause',
  resumeSchedule: 'POST /api/schedules/{schedule_id}/resume',
  runSchedule: 'POST /api/schedules/{schedule_id}/run',
  backfillSchedule: 'POST /api/schedules/{schedule_id}/backfill',
  listTicks: 'GET /api/schedules/{schedule_id}/ticks',
  registerWorker: 'POST /api/worker/register',
  claimTasks: 'POST /api/worker/claim',
  beat: 'POST /api/worker/beat',
  completeTask: 'POST /api/worker/complete',
  failTask: 'POST /api/worker/fail',
  returnPausedTask: 'POST /api/worker/paused',
  listLimits: 'GET /api/limits',
  getLimit: 'GET /api/limits/{limit_name}',
  setLimit: 'PUT /api/limits/{limit_name}',
  deleteLimit: 'DELETE /api/limits/{limit_name}',
  listBuckets: 'GET /api/limits/{limit_name}/buckets',
  getIndex: 'GET /api',
  getStats: 'GET /api/stats',
  getHistory: 'GET /api/history',
  listNodes: 'GET /api/nodes',
  createBackup: 'POST /api/backup',
  getMetrics: 'GET /metrics',
  getMe: 'GET /api/me',
  createKey: 'POST /api/keys',
  listKeys: 'GET /api/keys',
  getKey: 'GET /api/keys/{key_id}',
  rotateKey: 'POST /api/keys/{key_id}/rotate',
  revokeKey: 'DELETE /api/keys/{key_id}',
  listAudit: 'GET /api/audit',
  callMcp: 'POST /mcp',
  getHealth: 'GET /healthz',
  getReadiness: 'GET /readyz',
} as const satisfies {
  readonly [Id in OperationId]: `${Routes[Id]['method']} ${Routes[Id]['path']}`
}

/**
 * How often a call may be sent. `again`: repeating it is safe, because of an idempotency key or by nature. `once`: repeating
 * it could have a second effect, so only if the first call certainly did nothing. `never`: its response is about this
 * moment.
 */
export type Repeat = 'again' | 'once' | 'never'

const special: Readonly<Partial<Record<OperationId, Repeat>>> = {
  retryTask: 'once',
  purgeTask: 'once',
  bulk: 'once',
  createBackup: 'never',
  callMcp: 'never',
  createSchedule: 'once',
  deleteSchedule: 'once',
  runSchedule: 'once',
  claimTasks: 'once',
  createKey: 'once',
  rotateKey: 'once',
  revokeKey: 'once',
  getHealth: 'never',
  getReadiness: 'never',
}

export function repeatOf(id: OperationId): Repeat {
  return special[id] ?? 'again'
}
