import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { TestServer, type StartOptions } from '../support/server.ts'

const tasks = join(import.meta.dirname, '../fixtures/faulty.ts')

/** More starts than needed to find the guilty task: 2 beside others, 2 as the only suspect, and the last one. */
const mostStarts = 12

const nothing: Record<string, number> = {}

test(
  'one task that kills its server among 140 harmless ones is the only one that fails',
  { timeout: 900_000 },
  async () => {
    const options: StartOptions = {
      arguments: ['serve', '--tasks', tasks],
      env: { FERMATA_MAX_CONCURRENT: '10' },
    }
    let server = await TestServer.start(options)
    const { directory } = server
    const drafts = Array.from({ length: 141 }, (_, index) => ({ parameters: { deadly: index === 70 } }))
    const { status } = await new Api(server.url).post('/api/run/fragile/batch', { tasks: drafts })
    expect(status).toBe(200)
    let starts = 1
    const counts = async (): Promise<Record<string, number>> => {
      const { body } = await new Api(server.url).call('GET', '/api/stats')
      return body['counts'] as Record<string, number>
    }
    try {
      for (let over = false; !over;) {
        const dead = server.ended.then(() => true)
        while (!over && !(await Promise.race([dead, sleep(200, false)]))) {
          const { completed = 0, failed = 0 } = await counts().catch(() => nothing)
          over = completed + failed === drafts.length
        }
        if (over) break
        expect(++starts).toBeLessThanOrEqual(mostStarts)
        server = await TestServer.start({ ...options, directory })
      }
      expect(await counts()).toEqual({ completed: 140, failed: 1 })
      const { body } = await new Api(server.url).call('GET', '/api/task?status=failed')
      const [failed] = body['tasks'] as { task_id: string; parameters: unknown; error: unknown }[]
      expect(failed).toMatchObject({ parameters: { deadly: true }, error: { code: 'POISON' } })
    } finally {
      await server[Symbol.asyncDispose]()
    }
  },
)
