import { describe, expect, inject, test } from 'vitest'
import { newSchema } from '../conformance/stores.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { Api, type DetailsOf } from '../support/api.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

/** Real nodes, each a process, on one PostgreSQL, observed through their API. */

/** Seconds after which a silent node is dead. */
const lease = 15

class Cluster implements AsyncDisposable {
  readonly nodes: TestServer[] = []
  readonly ids: string[] = []
  readonly #database: string

  private constructor(url: string) {
    this.#database = `${url}?schema=${newSchema()}&lease=${lease}`
  }

  static async start(count: number, slots = 4, url = inject('postgres')): Promise<Cluster> {
    const cluster = new Cluster(url)
    await Promise.all(Array.from({ length: count }, () => cluster.join(slots)))
    return cluster
  }

  async join(slots = 4): Promise<TestServer> {
    const env = { DATABASE_URL: this.#database, FERMATA_MAX_CONCURRENT: String(slots), FERMATA_DRAIN: '30s' }
    const node = await TestServer.start({ env })
    this.nodes.push(node)
    return node
  }

  api(index: number): Api {
    return new Api(this.nodes[index]!.url)
  }

  /** Pids of the live nodes according to one of them. */
  async listed(index: number): Promise<Set<number>> {
    const { nodes } = (await this.api(index).call('GET', '/api/nodes')).body as { nodes: { pid: number }[] }
    return new Set(nodes.map(({ pid }) => pid))
  }

  /** Submits through all nodes, so fast that none of the tasks has ended when the last one starts. */
  async submit(count: number, parameters: object): Promise<void> {
    const tasks = Array.from({ length: count / this.nodes.length }, () => ({ parameters }))
    const answers = await Promise.all(
      this.nodes.map((_, index) => this.api(index).post('/api/run/long/batch', { tasks })),
    )
    for (const { body } of answers) this.ids.push(...(body['task_ids'] as string[]))
  }

  /** Waits until all tasks have ended, and reads them from one node. */
  async ended(index: number): Promise<DetailsOf[]> {
    const api = this.api(index)
    for (const id of this.ids) await api.untilStatus(id, 'completed', 'failed')
    return Promise.all(this.ids.map((id) => api.details(id)))
  }

  /** Waits until a node runs one of the tasks. */
  async busy(index: number): Promise<void> {
    const { pid } = this.nodes[index]!
    const api = this.api(0)
    const { nodes } = (await api.call('GET', '/api/nodes')).body as { nodes: { pid: number; id: string }[] }
    const node = nodes.find((node) => node.pid === pid)?.id
    await until('the node is busy', async () => {
      const tasks = await Promise.all(this.ids.map((id) => api.details(id)))
      return tasks.some(
        ({ status, timeline }) =>
          status === 'running' && timeline.findLast(({ event }) => event === 'claimed')?.by === node,
      )
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node[Symbol.asyncDispose]()))
  }
}

/** What must hold whatever happened to the nodes. */
function audit(tasks: readonly DetailsOf[]): void {
  for (const { task_id: id, status, timeline, fence } of tasks) {
    expect(status, id).toBe('completed')
    const moves = timeline.map(({ event }) => event)
    expect(
      moves.filter((move) => move === 'completed'),
      `${id}: ${moves.join(' ')}`,
    ).toHaveLength(1)
    expect(timeline.map(({ version }) => version)).toEqual(timeline.map((_, index) => index + 1))
    // Each claim and each loss raises the fence by one.
    expect(fence).toBe(moves.filter((move) => move === 'claimed' || move.endsWith('lost')).length)
    // A node writes nothing more about a task it has lost.
    for (const [index, { event }] of timeline.entries()) {
      if (!event.endsWith('lost')) continue
      const loser = timeline.slice(0, index).findLast((line) => line.event === 'claimed')?.by
      expect(timeline.slice(index).map(({ by }) => by)).not.toContain(loser)
    }
  }
}

describe.concurrent('nodes on one database', () => {
  test('lose nothing when one is killed, and take over its tasks', async () => {
    await using cluster = await Cluster.start(3)
    await cluster.submit(24, { duration: 4, steps: 20 })
    await cluster.busy(2)
    expect(await cluster.listed(1)).toEqual(new Set(cluster.nodes.map(({ pid }) => pid)))
    cluster.nodes[2]!.signal('SIGKILL')
    cluster.nodes.splice(2, 1)
    await cluster.submit(2, { duration: 0.1, steps: 1 })
    const tasks = await cluster.ended(0)
    expect(await cluster.listed(0)).toEqual(new Set(cluster.nodes.map(({ pid }) => pid)))
    audit(tasks)
    const lost = tasks.filter(({ timeline }) => timeline.some(({ event }) => event === 'lost'))
    expect(lost.length).toBeGreaterThanOrEqual(1)
    // Four were running; the settlements of four more may have been in progress.
    expect(lost.length).toBeLessThanOrEqual(8)
  })

  test('keep what they took over when a frozen node wakes, and it starts over', async () => {
    await using cluster = await Cluster.start(3, 2)
    await cluster.submit(12, { duration: 5, steps: 50 })
    await cluster.busy(1)
    const frozen = cluster.nodes[1]!
    frozen.signal('SIGSTOP')
    await until('it is dead', async () => !(await cluster.listed(0)).has(frozen.pid))
    frozen.signal('SIGCONT')
    // It responds, and accepts tasks again, with another node id.
    const api = cluster.api(1)
    const id = await api.submit('add', { a: 1, b: 2 })
    await api.untilStatus(id, 'completed')
    const tasks = await cluster.ended(1)
    audit(tasks)
    const nodes = new Set(
      tasks.flatMap(({ timeline }) => timeline.map(({ event, by }) => (event === 'claimed' ? by : ''))),
    )
    nodes.delete('')
    expect(nodes.size).toBeGreaterThanOrEqual(3)
    const { stdout } = await frozen.stop()
    expect(stdout).toContain('the lease has ended: the node starts over')
  })

  test('immediately take over what a draining node releases', async () => {
    await using cluster = await Cluster.start(2, 3)
    await cluster.submit(6, { duration: 3, steps: 30 })
    await cluster.busy(1)
    const { code } = await cluster.nodes[1]!.stop('SIGTERM')
    expect(code).toBe(0)
    cluster.nodes.splice(1, 1)
    expect(await cluster.listed(0)).toEqual(new Set([cluster.nodes[0]!.pid]))
    const tasks = await cluster.ended(0)
    audit(tasks)
    const moves = tasks.flatMap(({ timeline }) => timeline.map(({ event }) => event))
    expect(moves).toContain('released')
    expect(moves).not.toContain('lost')
  })

  test('return 503 while the database is unavailable, stop their tasks in time, and continue when it is back', async () => {
    await using server = await startPostgres()
    await using cluster = await Cluster.start(2, 3, server.url)
    await cluster.submit(8, { duration: 4, steps: 20 })
    await cluster.busy(0)
    const stopped = cluster.nodes[0]!.logged(
      'the lease cannot be renewed and is about to end: stopping handlers',
    )
    await server.stop()
    const refused = await cluster.api(0).post('/api/run/add', { parameters: { a: 1, b: 2 } })
    expect([refused.status, refused.headers.has('retry-after')]).toEqual([503, true])
    expect((await cluster.api(1).call('GET', '/healthz')).status).toBe(200)
    await stopped
    await server.start()
    const api = cluster.api(0)
    const submit = () => api.post('/api/run/add', { parameters: { a: 1, b: 2 } })
    await until('submits are taken', async () => (await submit()).status === 200)
    audit(await cluster.ended(1))
    const { stdout } = await cluster.nodes[0]!.stop()
    expect(stdout).toContain('stopping handlers')
  })
})
