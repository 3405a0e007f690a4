import { rm } from 'node:fs/promises'
import { expect, inject, test } from 'vitest'
import { Fermata, type AuditEntry } from '../../src/client/index.ts'
import { newSchema } from '../conformance/stores.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

/** Promise 10 under `kill -9`: every acknowledged change has exactly one entry, and every entry has its change. */

const key = 'the-key-of-the-administrator-of-this-server'
const rounds = 3
/** Acknowledged changes before each kill. */
const changesPerRound = 120
/** Callers of each node. */
const callers = 4
/** More than one batch of an operation, so that a kill can come between two. */
const manyTasks = 250

const places = {
  SQLite: { nodes: 1, env: {} },
  PostgreSQL: { nodes: 2, env: { DATABASE_URL: `${inject('postgres')}?schema=${newSchema()}` } },
} as const

test.concurrent.each(['SQLite', 'PostgreSQL'] as const)(
  'on %s, the audit log and the changes agree after nodes were killed under load',
  async (place) => {
    const { env } = places[place]
    const options = { env: { FERMATA_ADMIN_KEY: key, FERMATA_MAX_CONCURRENT: '0', ...env } }
    const first = await TestServer.start(options)
    const nodes = [first]
    try {
      while (nodes.length < places[place].nodes) nodes.push(await TestServer.start(options))
      const load = new Load()
      for (let round = 0; round < rounds; round++) {
        const enough = load.acknowledged.size + changesPerRound
        const running = nodes.flatMap(({ url }) => Array.from({ length: callers }, () => load.run(url)))
        await until('enough was changed', async () => load.acknowledged.size >= enough)
        const victim = round % nodes.length
        const { directory } = nodes[victim]!
        await nodes[victim]!.stop('SIGKILL')
        load.stop()
        await Promise.all(running)
        nodes[victim] = await TestServer.start({ ...options, directory })
      }
      await load.mustAgree(new Fermata({ url: nodes[0]!.url, apiKey: key }))
    } finally {
      for (const node of nodes) await node.stop('SIGKILL')
      for (const { directory } of nodes) await rm(directory, { recursive: true, force: true })
    }
  },
)

type Expected = Readonly<{ action: string; task_id?: string; count?: number }>
type Sent = Readonly<{ method: string; path: string; body?: object }>

/** Callers that each change their own tasks, so that each call that succeeds has changed something. */
class Load {
  /** Changes by request id. */
  readonly acknowledged = new Map<string, Expected>()
  readonly #sent = new Set<string>()
  #isOver = false
  #number = 0

  stop(): void {
    this.#isOver = true
  }

  /** Until it is stopped, or an answer is missing. */
  async run(url: string): Promise<void> {
    this.#isOver = false
    const caller = `caller-${++this.#number}`
    const change = async (sent: Sent, expected: Expected | ((body: Body) => Expected)) => {
      const id = `${caller}-${++this.#number}`
      this.#sent.add(id)
      const body = await answerOf(url, sent, id)
      this.acknowledged.set(id, typeof expected === 'function' ? expected(body) : expected)
      return body
    }
    try {
      while (!this.#isOver) {
        const later = { parameters: { a: 1, b: 2 }, delay: 3_600 }
        const submitted = await change({ method: 'POST', path: '/api/run/add', body: later }, (body) => ({
          action: 'task.submit',
          task_id: String(body['task_id']),
          count: 1,
        }))
        const id = String(submitted['task_id'])
        const control = (name: string) => {
          const isCancel = name === 'cancel'
          const path = isCancel ? `/api/task/${id}` : `/api/task/${id}/${name}`
          const expected = { action: `task.${name}`, task_id: id, count: 1 }
          return change({ method: isCancel ? 'DELETE' : 'POST', path }, expected)
        }
        for (const name of ['pause', 'resume', 'pause', 'cancel', 'retry', 'cancel', 'purge'].slice(
          0,
          3 + (this.#number % 5),
        ))
          await control(name)
        const tag = `${caller}-${this.#number}`
        const tasks = Array.from({ length: manyTasks }, () => ({ ...later, tags: [tag] }))
        await change(
          { method: 'POST', path: '/api/run/add/batch', body: { tasks } },
          { action: 'task.submit', count: manyTasks },
        )
        await change(
          {
            method: 'POST',
            path: '/api/bulk?wait=60',
            body: { action: 'cancel', filter: { tag }, reason: tag },
          },
          { action: 'bulk.cancel', count: manyTasks },
        )
      }
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
    }
  }

  async mustAgree(client: Fermata): Promise<void> {
    const entries = await Array.fromAsync(client.auditEntries({ limit: 100 }))
    const byRequest = Map.groupBy(entries, ({ request_id: id }) => id ?? 'none')
    for (const [id, expected] of this.acknowledged)
      expect(byRequest.get(id), JSON.stringify(expected)).toMatchObject([expected])
    for (const [id, found] of byRequest) {
      expect(found, id).toHaveLength(1)
      expect(this.#sent.has(id), id).toBe(true)
    }
    const changes = Map.groupBy(entries, ({ task_id: id }) => id)
    const bulks = entries.filter(({ action }) => action === 'bulk.cancel')
    await mustTell(client, changes)
    for (const { reason, count } of bulks) await mustCount(client, String(reason), Number(count))
    expect(bulks.length).toBeGreaterThan(rounds)
  }
}

/** The timeline of a task has what its entries say, with the same times. */
async function mustTell(
  client: Fermata,
  changes: ReadonlyMap<string | null, readonly AuditEntry[]>,
): Promise<void> {
  for (const [id, newestFirst] of changes) {
    if (id === null) continue
    const entries = newestFirst.toReversed()
    if (entries.at(-1)?.action === 'task.purge') {
      await expect(client.getTask(id)).rejects.toMatchObject({ code: 'TASK_UNKNOWN' })
      continue
    }
    const { timeline } = await client.getTask(id)
    const told = timeline.filter(({ by }) => by === 'admin').map(({ at }) => at)
    expect(
      entries.map(({ at }) => at),
      id,
    ).toEqual(told)
  }
}

/** An operation has changed as many tasks as its entry says, even if its node was killed meanwhile. */
async function mustCount(client: Fermata, tag: string, count: number): Promise<void> {
  const tasks = await Array.fromAsync(client.tasks({ tag, limit: 1_000, fields: ['task_id', 'status'] }))
  expect(tasks).toHaveLength(manyTasks)
  expect(tasks.filter(({ status }) => status === 'cancelled')).toHaveLength(count)
}

type Body = Readonly<Record<string, unknown>>

class NoAnswer extends Error {}

async function answerOf(url: string, { method, path, body }: Sent, id: string): Promise<Body> {
  const headers = {
    authorization: `Bearer ${key}`,
    'x-request-id': id,
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  }
  const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
  let answer
  try {
    answer = await fetch(`${url}${path}`, init)
    const text = await answer.text()
    if (answer.ok) return JSON.parse(text) as Body
    if (answer.status < 500) throw new Error(`${method} ${path} was answered with ${text}`)
  } catch (error) {
    if (answer !== undefined && answer.status < 500 && !answer.ok) throw error
  }
  throw new NoAnswer(`${method} ${path} has no answer`)
}
