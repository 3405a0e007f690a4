import { filterOf } from '../contract/caller-filter.ts'
import { failuresBody, failureSpans } from '../contract/failures.ts'
import type { queueRoutes } from '../contract/queue-routes.ts'
import { runsBody } from '../contract/runs.ts'
import { listBody, operationBody } from '../contract/report-bodies.ts'
import { most } from './traffic.ts'
import { reasonOf, type HandlerContext, type Handlers } from './call.ts'

/** Milliseconds that a cancel waits for the operation to finish. */
const cancelWait = 2_000

/** Handlers for many tasks. */
export function queueHandlers({
  streams,
  waits,
  traffic,
  base,
}: HandlerContext): Handlers<keyof typeof queueRoutes> {
  return {
    async listTasks({ query, manager, reply }) {
      const { order, limit, cursor, fields, ...filter } = query
      const parameters = fields?.includes('parameters') ?? true
      const options = { order, limit, parameters, ...(cursor === undefined ? {} : { cursor }) }
      return traffic.answer(reply, most.page, async () =>
        listBody(await manager.list(filterOf(filter), options), manager.now(), fields),
      )
    },

    async listFailures({ query, manager }) {
      const { span, limit, ...filter } = query
      return failuresBody(await manager.failures(filterOf(filter), { span: failureSpans[span], limit }))
    },

    async listRuns({ query, manager, reply }) {
      const { from, until, limit, ...filter } = query
      const options = {
        limit,
        ...(from === undefined ? {} : { from: from * 1_000 }),
        ...(until === undefined ? {} : { until: until * 1_000 }),
      }
      return traffic.answer(reply, most.page, async () =>
        runsBody(await manager.runs(filterOf(filter), options)),
      )
    },

    async streamChanges({ query, headers, session, manager, reply }) {
      const comesBack = headers['last-event-id'] !== undefined
      await streams.serveAll({ manager, session, filter: filterOf(query), comesBack }, reply)
      return undefined
    },

    async bulk({ query, body, session, manager, reply }) {
      const { action, filter, dry_run: dryRun, reason } = body
      const options = { dryRun, wait: query.wait * 1_000, ...(reason === undefined ? {} : { reason }) }
      const operation = await waits.whileLive(session, manager.bulk(action, filterOf(filter), options))
      reply.header('location', `${base}/api/operations/${operation.id}`)
      if (operation.status === 'running') reply.code(202)
      return operationBody(operation)
    },

    getOperation: async ({ params, manager }) => operationBody(await manager.operation(params.operation_id)),

    cancelOperation: async (call) =>
      operationBody(await call.manager.cancelOperation(call.params.operation_id, cancelWait, reasonOf(call))),
  }
}
