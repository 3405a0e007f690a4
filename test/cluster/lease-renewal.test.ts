import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { openTaskManager } from '../../src/index.ts'
import { newSchema } from '../conformance/stores.ts'
import { blocks } from '../fixtures/blocking.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { until } from '../support/until.ts'

/** Seconds. */
const lease = 10
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

/** A node in a separate process whose handler blocks its main thread, and a handle on another node. */
async function blocked(url: string, seconds: number, onLeaseLost: 'end-process' | 'tell' = 'tell') {
  const database = `${url}?schema=${newSchema()}&lease=${lease}`
  const api = await openTaskManager({ database, tasks: [blocks], maxConcurrent: 0, drain: 1, logger: quiet })
  const handle = await api.submit(blocks, { seconds })
  const program = join(import.meta.dirname, '..', 'fixtures', 'blocking.ts')
  const child = spawn(process.execPath, [program, database, onLeaseLost], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stderr = ''
  let stdout = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  const ended = once(child, 'close')
  await once(child.stdout, 'data')
  return {
    handle,
    child,
    said: () => stdout,
    ended: async () => {
      const [, signal] = (await ended) as [number | null, string | null]
      return { signal, stderr }
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await ended
      await api.close()
    },
  }
}

describe.concurrent('a node whose main thread is blocked', () => {
  test('keeps its lease while the database is available', async () => {
    await using node = await blocked(inject('postgres'), lease * 1.5)
    expect(await node.handle.result()).toBe(lease * 1.5)
    expect(await node.handle.task()).toMatchObject({ crashes: 0, fence: 1 })
  })

  test('survives when its lease cannot be renewed, and notifies its program once it responds', async () => {
    await using server = await startPostgres()
    await using node = await blocked(server.url, lease * 4)
    await server.stop()
    await until('it is told', () => node.said().includes('"blocked":true'))
    expect([node.child.exitCode, node.child.signalCode]).toEqual([null, null])
    await server.start()
  })

  test('exits if its program wants that, since nothing else would stop the handler', async () => {
    await using server = await startPostgres()
    await using node = await blocked(server.url, 60, 'end-process')
    await server.stop()
    const { signal, stderr } = await node.ended()
    await server.start()
    expect(signal).toBe('SIGKILL')
    expect(stderr).toContain('the main thread does not respond')
  })
})
