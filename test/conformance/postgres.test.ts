import { Client } from 'pg'
import { describe, expect, inject, test } from 'vitest'
import { StoreUnavailable } from '../../src/core/errors.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { isTerminal, type Control, type Submission, type Task } from '../../src/core/task.ts'
import { openPostgres } from '../../src/store/postgres/store.ts'
import type { Store } from '../../src/store/store.ts'
import { node, fromApi, submission } from '../support/tasks.ts'
import { until } from '../support/until.ts'
import { anyNumberOf } from './scene.ts'
import { newSchema } from './stores.ts'

const url = inject('postgres')

/** Several nodes on one schema, with the clock of the database. */
class Nodes implements AsyncDisposable {
  readonly schema = newSchema()
  readonly stores: Store[] = []

  static async open(count: number): Promise<Nodes> {
    const nodes = new Nodes()
    // Concurrently: the migrations wait for each other.
    const opening = Array.from({ length: count }, () => openPostgres(url, { schema: nodes.schema }))
    nodes.stores.push(...(await Promise.all(opening)))
    for (const [index, store] of nodes.stores.entries()) await store.startNode(node(`node-${index}`))
    return nodes
  }

  get first(): Store {
    return this.stores[0]!
  }

  /** Calls it for all nodes concurrently. */
  each<T>(act: (store: Store, node: string) => Promise<T>): Promise<T[]> {
    return Promise.all(this.stores.map((store, index) => act(store, `node-${index}`)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.each(async (store) => store[Symbol.asyncDispose]())
  }
}

const many = (count: number, own: (index: number) => Partial<Submission> = () => ({})) =>
  Array.from({ length: count }, (_, index) => submission({ id: `task-${index}`, ...own(index) }))

/** The queue positions of this many tasks, submitted in one batch. */
async function positionsOf(store: Store, name: string, count: number): Promise<number[]> {
  const submitted = await store.submit(
    many(count, (index) => ({ id: `${name} ${index}` })),
    fromApi,
  )
  return submitted.kind === 'accepted' ? submitted.tasks.map(({ task }) => task.queuePosition) : []
}

describe('nodes on one PostgreSQL', () => {
  test('start together: each migration runs once', async () => {
    await using nodes = await Nodes.open(10)
    expect(await nodes.each((store) => store.counts())).toHaveLength(10)
    const versions = await ask(`select version from ${nodes.schema}.migrations order by version`)
    expect(versions.length).toBeGreaterThan(0)
    expect(versions.map(({ version }) => version)).toEqual(versions.map((_, index) => index + 1))
  })

  test('accept an older program, which reports less', async () => {
    await using nodes = await Nodes.open(1)
    await ask(`insert into ${nodes.schema}.nodes (id, slots, types, version, started_at, renewed_at, lease_until)
      values ('old', 3, '["work"]', '0.0.1', 1, 1, 9e15)`)
    expect((await nodes.first.nodes())[0]).toMatchObject({ id: 'old', slots: 3, host: null, pid: null })
  })

  test('never take the same queue position, and keep their order even if others take positions in between', async () => {
    await using nodes = await Nodes.open(1)
    await ask(`alter sequence ${nodes.schema}.places increment by 3`)
    const positions = await positionsOf(nodes.first, 'apart', 300)
    await ask(`alter sequence ${nodes.schema}.places increment by 1`)
    positions.push(...(await positionsOf(nodes.first, 'together', 300)))
    expect(positions).toEqual([...new Set(positions)].toSorted((a, b) => a - b))
    expect(positions[299]! - positions[0]!).toBe(3 * 299)
    await using other = await openPostgres(url, { schema: nodes.schema })
    const both = await Promise.all(
      [nodes.first, other].map((store, index) => positionsOf(store, `node ${index}`, 2_000)),
    )
    expect(new Set(both.flat()).size).toBe(4_000)
  })

  test('never claim the same task, and together claim all', async () => {
    await using nodes = await Nodes.open(4)
    await nodes.first.submit(many(400), fromApi)
    const claimed = await nodes.each(async (store, node) => {
      const ids: string[] = []
      for (;;) {
        const request = { node, limit: 7, types: [anyNumberOf('work')] }
        const turns = await Promise.all([store.claim(request), store.claim(request)])
        if (turns.flat().length === 0) return ids
        ids.push(...turns.flat().map(({ task }) => task.id))
      }
    })
    expect(claimed.flat().toSorted()).toEqual(
      many(400)
        .map(({ id }) => id)
        .toSorted(),
    )
  })

  test('keep the concurrency of a type exactly, whoever claims and settles', async () => {
    await using nodes = await Nodes.open(4)
    await nodes.first.submit(many(120), fromApi)
    let running = 0
    let most = 0
    let ended = 0
    await nodes.each(async (store, node) => {
      while (ended < 120) {
        const types = [{ type: 'work', concurrency: 3 }]
        const claimed = await store.claim({ node, limit: 2, types })
        running += claimed.length
        most = Math.max(most, running)
        for (const { task } of claimed) {
          // The slot is free for others from the commit on, before the response arrives here.
          running -= 1
          const outcome = { kind: 'completed', result: '1' } as const
          await store.settle(node, [{ id: task.id, fence: task.fence, activeMs: 0, outcome }])
          ended += 1
        }
      }
    })
    expect(most).toBeLessThanOrEqual(3)
    expect(await nodes.first.counts()).toMatchObject({ byType: { work: { completed: 120 } } })
  })

  test('create one task per key, however many submit it at once and in whatever order', async () => {
    await using nodes = await Nodes.open(4)
    for (let turn = 0; turn < 10; turn++) {
      const answers = await nodes.each(async (store, node) => {
        const keys = [`a${turn}`, `b${turn}`, `c${turn}`]
        const drafts = keys.map((key) =>
          submission({ id: `${node} ${key}`, idempotencyKey: key, requestHash: 'hash' }),
        )
        return store.submit(node < 'node-2' ? drafts : drafts.toReversed(), fromApi)
      })
      const tasks = answers.flatMap((answer) => (answer.kind === 'accepted' ? answer.tasks : []))
      expect(tasks).toHaveLength(12)
      expect(tasks.filter(({ replayed }) => !replayed)).toHaveLength(3)
      expect(new Set(tasks.map(({ task }) => task.id)).size).toBe(3)
    }
  })

  test('never have more tasks waiting than a maximum, whatever they submit at once', async () => {
    await using nodes = await Nodes.open(4)
    const limit = { name: 'few', concurrency: null, rate: null, scope: 'global', origin: 'api' } as const
    await nodes.first.limits.put({ ...limit, maxQueued: 6 })
    const admission = { limits: [{ name: 'few', key: 'a' }], fairnessKey: null, weight: 1, aging: null }
    for (let turn = 0; turn < 10; turn++) {
      const accepted = await nodes.each(async (store, node) => {
        const answers = await Promise.all(
          [0, 1, 2, 3].map((index) => {
            const id = `${node} ${turn} ${index}`
            const draft = index % 2 === 0 ? { admission } : { type: 'other', maxOfType: 5 }
            return store.submit([submission({ id, ...draft })], fromApi)
          }),
        )
        await store.claim({ node, limit: turn % 2, types: [anyNumberOf('work'), anyNumberOf('other')] })
        return answers.filter(({ kind }) => kind === 'accepted').length
      })
      const { byType } = await nodes.first.counts()
      expect(byType['work']?.queued ?? 0).toBeLessThanOrEqual(6)
      expect(byType['other']?.queued ?? 0).toBeLessThanOrEqual(5)
      if (turn === 0) expect(accepted.reduce((sum, count) => sum + count)).toBe(11)
      const waits = await ask(`select count(*)::int as waits from ${nodes.schema}.limit_queue`)
      expect(waits).toEqual([{ waits: byType['work']?.queued ?? 0 }])
    }
  })

  test('give each unique key to one task, whatever else they do', async () => {
    await using nodes = await Nodes.open(4)
    const actions = ['return', 'replace', 'return', 'reject'] as const
    for (let turn = 0; turn < 10; turn++) {
      const key = { key: 'key', while: 'unfinished', for: null } as const
      const answers = await nodes.each(async (store, node) => {
        const onConflict = actions[(turn + Number(node.slice(-1))) % actions.length]!
        const draft = submission({ id: `${node} ${turn}`, unique: { ...key, onConflict } })
        const submitting = store.submit([draft], fromApi)
        await store.claim({ node, limit: turn % 3 === 0 ? 1 : 0, types: [anyNumberOf('work')] })
        return submitting
      })
      expect(answers.every(({ kind }) => kind === 'accepted' || kind === 'taken')).toBe(true)
      const query = { filter: {}, order: 'newest', after: null, limit: 100, scan: 100 } as const
      const { entries } = await nodes.first.list(query)
      const unfinished = entries.map(({ task }) => task).filter(({ status }) => !isTerminal(status))
      expect(unfinished).toHaveLength(1)
      const keys = await ask(`select task_id from ${nodes.schema}.unique_keys`)
      expect(keys).toEqual([{ task_id: unfinished[0]!.id }])
      if (turn % 2 === 0) continue
      const { id, fence, ownerNode, status } = unfinished[0]!
      const outcome = { kind: 'completed', result: '1' } as const
      if (status === 'queued') await nodes.first.control([{ id, control: 'cancel', by: 'api' }])
      else await nodes.first.settle(ownerNode!, [{ id, fence, activeMs: 0, outcome }])
      expect(await ask(`select task_id from ${nodes.schema}.unique_keys`)).toEqual([])
    }
  })

  test('start nothing of a type once its hold has returned', async () => {
    await using nodes = await Nodes.open(4)
    await nodes.first.submit(many(1_000), fromApi)
    const started = async () => 1_000 - ((await nodes.first.counts()).byType['work']?.queued ?? 0)
    let over = false
    const [marks] = await nodes.each(async (store, node) => {
      const between: number[] = []
      while (node !== 'node-0' && !over) {
        await store.claim({ node, limit: 1, types: [anyNumberOf('work')] })
      }
      for (let turn = 0; turn < 20 && node === 'node-0'; turn++) {
        await store.hold('work', true, 'api')
        const before = await started()
        // Claims still in progress would show up in one of these reads.
        for (let read = 0; read < 5; read++) between.push((await started()) - before)
        await store.hold('work', false, 'api')
      }
      over = true
      return between
    })
    expect(new Set(marks)).toEqual(new Set([0]))
    expect(await started()).toBeGreaterThan(0)
  })

  /** A node settles its own tasks from the rows it knows, without reading them again. */
  describe('settle tasks that others have changed in the meantime', () => {
    const done: Outcome = { kind: 'completed', result: '1' }
    const moved = async (other: (nodes: Nodes, known: Task) => Promise<unknown>, outcome: Outcome) => {
      await using nodes = await Nodes.open(2)
      await nodes.first.submit(many(1), fromApi)
      const types = [anyNumberOf('work')]
      const [claimed] = await nodes.first.claim({ node: 'node-0', limit: 1, types })
      const { id, fence, version } = claimed!.task
      await other(nodes, claimed!.task)
      const settlements = [{ id, fence, outcome, activeMs: 1 }]
      const [settled] = await nodes.first.settle('node-0', settlements)
      const record = await nodes.stores[1]!.read(id)
      const lines = record!.timeline.slice(version).map(({ event }) => event)
      return { verdict: settled!.verdict, answered: settled!.task, task: record!.task, lines }
    }
    const asked =
      (control: Control) =>
      async (nodes: Nodes, { id }: Task) =>
        nodes.stores[1]!.control([{ id, control, by: 'api' }])

    test('an earlier pause loses to the completion, and is in the timeline', async () => {
      const { verdict, answered, task, lines } = await moved(asked('pause'), done)
      expect([verdict, task.status, lines]).toEqual([
        'settled',
        'completed',
        ['pause_requested', 'completed'],
      ])
      expect(answered).toEqual(task)
    })

    test('a pause requested through another node is settled', async () => {
      const { verdict, task } = await moved(asked('pause'), { kind: 'paused', controlVersion: 3 })
      expect([verdict, task.status]).toEqual(['settled', 'paused'])
    })

    test('a pause that answers an older requested control is stale, and learns of the newer one', async () => {
      const cancelled = async (nodes: Nodes, known: Task) => {
        await asked('pause')(nodes, known)
        await nodes.first.save('node-0', [
          { id: known.id, fence: known.fence, progress: { current: 1, at: 0 } },
        ])
        await asked('cancel')(nodes, known)
      }
      const { verdict, answered, task } = await moved(cancelled, { kind: 'paused', controlVersion: 3 })
      expect([verdict, task.status]).toEqual(['stale', 'cancelling'])
      expect(answered).toEqual(task)
    })

    test('a task that was taken over keeps its later state', async () => {
      const taken = async (nodes: Nodes) => {
        await nodes.stores[1]!.endNode('node-0')
        await nodes.stores[1]!.reap({ poisonLimit: 3 })
        await nodes.stores[1]!.claim({ node: 'node-1', limit: 1, types: [anyNumberOf('work')] })
      }
      const { verdict, task } = await moved(taken, done)
      expect([verdict, task.status, task.ownerNode]).toEqual(['superseded', 'running', 'node-1'])
    })

    test('an unchanged task is settled as it was claimed', async () => {
      const { verdict, answered, task, lines } = await moved(async () => undefined, done)
      expect([verdict, lines]).toEqual(['settled', ['completed']])
      expect(answered).toEqual(task)
    })
  })

  test('succeed when they control and settle the same tasks in all orders', async () => {
    await using nodes = await Nodes.open(3)
    await nodes.first.submit(many(60), fromApi)
    const ids = many(60).map(({ id }) => id)
    await nodes.each(async (store, node) => {
      for (let turn = 0; turn < 8; turn++) {
        const order = node === 'node-1' ? ids.toReversed() : ids
        const control = turn % 2 === 0 ? 'pause' : 'resume'
        await Promise.all([
          store.control(order.map((id) => ({ id, control, by: 'api' }))),
          store.claim({ node, limit: 5, types: [{ type: 'work', concurrency: 20 }] }),
          store.submit([submission({ id: `${node} ${turn}`, type: 'other' })], fromApi),
        ])
      }
    })
    const { byType } = await nodes.first.counts()
    const total = Object.values(byType['work'] ?? {}).reduce((sum, count) => sum + count, 0)
    expect([total, byType['other']?.queued]).toEqual([60, 24])
  })
})

describe('text that PostgreSQL cannot hold', () => {
  const odd = ['null \0 in it', 'half \uD83C of a pair', '\uFFFF', 'quote \' \\ " {x}']

  test.each(odd)('%j is kept as a name, a key, a tag and a type', async (text) => {
    await using nodes = await Nodes.open(1)
    const { first } = nodes
    const keyed = { idempotencyKey: text, requestHash: text }
    const draft = submission({ id: text, type: text, tags: [text], ...keyed })
    await first.submit([draft], { ...fromApi, by: text })
    const claimed = await first.claim({ node: 'node-0', limit: 1, types: [{ type: text, concurrency: 1 }] })
    expect(claimed).toMatchObject([{ task: { id: text, type: text, tags: [text], ...keyed } }])
    expect(await first.read(text)).toMatchObject({ timeline: [{ by: text }, {}] })
    expect(await first.counts()).toMatchObject({ byType: { [text]: { running: 1 } } })
    const filter = { tag: text, types: [text] }
    const query = { filter, order: 'newest', after: null, limit: 10, scan: 10 } as const
    expect(await first.find(query)).toMatchObject({ entries: [text] })
    expect(await first.get(`${text}?`)).toBeNull()
    expect(await first.control([{ id: `${text}?`, control: 'pause', by: text }])).toEqual([
      { kind: 'unknown' },
    ])
    const replay = await first.submit([{ ...draft, id: 'another' }], fromApi)
    expect(replay).toMatchObject({ tasks: [{ replayed: true, task: { id: text } }] })
  })
})

describe('a database that is not ours to use', () => {
  test('is refused when a newer Fermata wrote it', async () => {
    await using nodes = await Nodes.open(1)
    await ask(`insert into ${nodes.schema}.migrations (version) values (99)`)
    await expect(openPostgres(url, { schema: nodes.schema })).rejects.toThrow(
      /newer version of Fermata \(schema 99; .*Upgrade Fermata/,
    )
  })

  test('is refused with the reason if nothing responds', async () => {
    const opening = openPostgres('postgres://127.0.0.1:1/nothing')
    await expect(opening).rejects.toThrow(StoreUnavailable)
    await expect(opening).rejects.toMatchObject({
      unknown: false,
      cause: { reasons: [{ code: 'ECONNREFUSED' }] },
    })
  })
})

describe('a connection that is lost', () => {
  test('is reopened without an effect on callers', async () => {
    await using nodes = await Nodes.open(1)
    for (let turn = 0; turn < 3; turn++) {
      await killBackends(nodes)
      expect(await nodes.first.submit([submission({ id: `${turn}` })], fromApi)).toMatchObject({
        kind: 'accepted',
      })
      expect(await nodes.first.get(`${turn}`)).toMatchObject({ status: 'queued' })
    }
  })

  test('under load leaves no doubt: each task is either acknowledged and recorded, or refused and not', async () => {
    await using nodes = await Nodes.open(1)
    const ids = Array.from({ length: 400 }, (_, index) => `${index}`)
    let done = 0
    const submits = ids.map(async (id, index) => {
      await new Promise((resolve) => {
        setTimeout(resolve, index)
      })
      return nodes.first.submit([submission({ id })], fromApi).finally(() => (done += 1))
    })
    const settled = Promise.allSettled(submits)
    // However slow the machine is, some submits are never met by a kill.
    for (let kill = 0; kill < 15; kill++) {
      await until('more submits are over', () => done >= kill * 20)
      await killBackends(nodes)
    }
    const answers = await settled
    let recorded = 0
    for (const [index, answer] of answers.entries()) {
      if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ unknown: false })
      expect((await nodes.first.get(ids[index]!)) !== null).toBe(answer.status === 'fulfilled')
      if (answer.status === 'fulfilled') recorded += 1
    }
    expect(recorded).toBeGreaterThan(0)
    expect(await nodes.first.counts()).toMatchObject({ byType: { work: { queued: recorded } } })
  })
})

/** Terminates every connection of the schema's nodes, as an administrator or a fail-over does. */
async function killBackends({ schema }: Nodes): Promise<void> {
  await ask(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'fermata ${schema}%' and pid <> pg_backend_pid()`,
  )
}

async function ask(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text, values)).rows
  } finally {
    await client.end()
  }
}
