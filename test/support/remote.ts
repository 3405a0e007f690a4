import { Fermata, Worker, type WorkerHandler } from '../../src/client/index.ts'
import { createServer } from '../../src/http/server.ts'
import type { TaskHandle, TaskManager } from '../../src/index.ts'
import { until } from './until.ts'

/** Runs these types in a remote worker, over HTTP, until it is disposed. */
export async function workRemotely(
  manager: TaskManager,
  types: Readonly<Record<string, WorkerHandler>>,
): Promise<AsyncDisposable> {
  const silent = () => {}
  const logger = { level: 'silent', debug: silent, info: silent, warn: silent, error: silent }
  const server = await createServer({ manager, version: '0', logger })
  const url = await server.listen({ port: 0, host: '127.0.0.1' })
  const over = new AbortController()
  const worker = new Worker(new Fermata({ url }), { types, concurrency: 4 })
  const running = worker.run({ signal: over.signal })
  await until('its types are known', () => Object.keys(types).every((type) => manager.registry.find(type)))
  return {
    async [Symbol.asyncDispose]() {
      over.abort()
      await running
      server.server.closeAllConnections()
      await server.close()
    },
  }
}

/** Submits by name: a worker's type has no definition here. */
export async function submitNamed(
  manager: TaskManager,
  { type }: Readonly<{ type: string }>,
  parameters: object,
): Promise<TaskHandle> {
  const { task } = await manager.enqueue(type, parameters)
  return manager.handle(task.id)
}
