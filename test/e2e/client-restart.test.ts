import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Fermata, type Change, type Progress, type Retry, type TaskEvent } from '../../src/client/index.ts'
import { freePort } from '../support/ports.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

let server: TestServer
let client: Fermata
let retries: Retry[]
beforeEach(async () => {
  server = await TestServer.start({ env: { PORT: String(await freePort()) } })
  retries = []
  client = new Fermata({ url: server.url, patience: 60, onRetry: (retry) => retries.push(retry) })
})
afterEach(() => server[Symbol.asyncDispose]())

/** Kills the server and restarts it at the same address. */
async function crash(): Promise<void> {
  const { directory, port } = server
  await server.stop('SIGKILL')
  server = await TestServer.start({ directory, env: { PORT: String(port) } })
}

const transitions = (events: readonly TaskEvent[]) =>
  events.flatMap((event) => (event.kind === 'transition' ? [event] : []))

describe('a client of a server that is killed and restarted', () => {
  test('sees every transition of a task once, and its progress and result', async () => {
    const handle = await client.submit('long', { duration: 6, steps: 20 })
    const events: TaskEvent[] = []
    const progress: Progress[] = []
    const watching = [
      (async () => {
        for await (const event of handle.events()) events.push(event)
      })(),
      (async () => {
        for await (const report of handle.progress()) progress.push(report)
      })(),
    ]
    const result = handle.result()
    await until('progress is seen', () => progress.some(({ current }) => current >= 1))
    await crash()
    await Promise.all(watching)
    expect(await result).toMatchObject({ status: 'completed', steps_completed: 20 })
    const { timeline } = await handle.details()
    expect(transitions(events).map(({ version }) => version)).toEqual(timeline.map(({ version }) => version))
    expect(transitions(events).map(({ event }) => event)).toEqual([
      'submitted',
      'claimed',
      'lost',
      'claimed',
      'completed',
    ])
    expect(progress.at(-1)).toMatchObject({ current: 20, total: 20 })
    expect(new Set(retries.map(({ operation }) => operation))).toEqual(
      new Set(['streamTaskEvents', 'getTaskResult']),
    )
    expect(retries.every(({ error }) => error.code === 'SERVER_UNREACHABLE')).toBe(true)
  })

  test('tells watchers of all tasks to read them again', async () => {
    const changes: Change[] = []
    const abort = new AbortController()
    const watching = (async () => {
      for await (const change of client.changes({}, { signal: abort.signal })) changes.push(change)
    })()
    await until('the first change is seen', () => changes.length === 1)
    await crash()
    await until('the second change is seen', () => changes.length === 2)
    const { id } = await client.submit('add', { a: 1, b: 1 })
    await until('the task has completed', () =>
      changes.some((change) => change.kind === 'transition' && change.status === 'completed'),
    )
    abort.abort(new Error('seen enough'))
    await expect(watching).rejects.toThrow('seen enough')
    expect(changes.slice(0, 3)).toMatchObject([
      { kind: 'resync', why: 'open' },
      { kind: 'resync', why: 'reconnect' },
      { kind: 'transition', task_id: id, event: 'submitted' },
    ])
  })

  test('creates no task twice and loses none, whichever response was lost', async () => {
    let submitting = true
    let next = 0
    const work = Array.from({ length: 4 }, async () => {
      while (submitting) {
        const a = next++
        if (a % 2 === 0) await client.submit('add', { a, b: 0 })
        else
          await client.submitAll('add', [
            { a, b: 1 },
            { a, b: 2 },
          ])
      }
    })
    for (let round = 0; round < 2; round++) {
      await sleep(150)
      await crash()
    }
    submitting = false
    await Promise.all(work)
    const stored: string[] = []
    for await (const { parameters } of client.tasks({ limit: 1_000 })) stored.push(JSON.stringify(parameters))
    const wanted = Array.from({ length: next }, (_, a) =>
      a % 2 === 0
        ? [{ a, b: 0 }]
        : [
            { a, b: 1 },
            { a, b: 2 },
          ],
    )
    expect(retries.some(({ operation }) => operation === 'submitTask')).toBe(true)
    expect(stored.toSorted()).toEqual(
      wanted
        .flat()
        .map((parameters) => JSON.stringify(parameters))
        .toSorted(),
    )
  })
})

test('an unreachable server is named once the patience is over', async () => {
  const port = await freePort()
  const lost = new Fermata({
    url: `http://127.0.0.1:${port}`,
    patience: 0.3,
    onRetry: (retry) => retries.push(retry),
  })
  await expect(lost.getStats()).rejects.toMatchObject({
    code: 'SERVER_UNREACHABLE',
    status: undefined,
    detail: `cannot reach ${lost.url}: connect ECONNREFUSED 127.0.0.1:${port}`,
  })
  expect(retries.length).toBeGreaterThan(0)
  await expect(lost.handle('id').events({ patience: 0 }).next()).rejects.toMatchObject({
    code: 'SERVER_UNREACHABLE',
  })
})
