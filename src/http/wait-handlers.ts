import type { waitRoutes } from '../contract/wait-routes.ts'
import { waitsBody } from '../contract/waits.ts'
import type { WaitOutcome } from '../engine/waits.ts'
import type { HandlerContext, Handlers } from './call.ts'
import { most } from './traffic.ts'

/** Handlers for waits of tasks for answers. */
export function waitHandlers({
  traffic,
}: Pick<HandlerContext, 'traffic'>): Handlers<keyof typeof waitRoutes> {
  return {
    listWaits: ({ query: { cursor, limit, status, ...filter }, manager, reply }) =>
      traffic.answer(reply, most.waits, async () =>
        waitsBody(
          await manager.waits.list(
            { ...filter, ...(status === undefined ? {} : { state: status }) },
            { limit, ...(cursor === undefined ? {} : { after: Number(cursor) }) },
          ),
        ),
      ),

    getTaskWaits: ({ params, query: { cursor, limit }, manager, reply }) =>
      traffic.answer(reply, most.waits, async () =>
        waitsBody(
          await manager.waits.of(params.task_id, {
            limit,
            ...(cursor === undefined ? {} : { after: Number(cursor) }),
          }),
        ),
      ),

    answerTask: async ({ params, query, body, manager }) =>
      answered(await manager.waits.answer(params.task_id, params.wait_name, body.answer, query)),

    answerWait: async ({ params, query, body, manager }) =>
      answered(await manager.waits.answerToken(params.token, body.answer, query)),
  }
}

function answered({ id, ...outcome }: WaitOutcome) {
  return { task_id: id, ...outcome }
}
