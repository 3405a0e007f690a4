import { accessRoutes } from './access-routes.ts'
import { limitRoutes } from './limit-routes.ts'
import { mcpRoutes } from './mcp-routes.ts'
import { queueRoutes } from './queue-routes.ts'
import type { Route } from './route.ts'
import { scheduleRoutes } from './schedule-routes.ts'
import { serverRoutes } from './server-routes.ts'
import { taskRoutes } from './task-routes.ts'
import { waitRoutes } from './wait-routes.ts'
import { webhookRoutes } from './webhook-routes.ts'
import { workerRoutes } from './worker-routes.ts'

/** All routes, by operation id. */
export const routes = {
  ...taskRoutes,
  ...waitRoutes,
  ...queueRoutes,
  ...scheduleRoutes,
  ...workerRoutes,
  ...limitRoutes,
  ...webhookRoutes,
  ...serverRoutes,
  ...accessRoutes,
  ...mcpRoutes,
} as const satisfies Record<string, Route>

export type Routes = typeof routes
export type OperationId = keyof Routes
