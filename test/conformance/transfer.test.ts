import { childHash, childKey } from '../../src/core/child.ts'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { openTransfer } from '../../src/database.ts'
import type { Store } from '../../src/store/store.ts'
import { copyAll, type TransferSource } from '../../src/store/transfer.ts'
import { at, contents, fill } from '../support/filled.ts'
import { run } from '../support/server.ts'
import { fromApi, node, submission } from '../support/tasks.ts'
import { newSchema } from './stores.ts'

const folder = mkdtempSync(join(tmpdir(), 'fermata-transfer-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
const newest = inject('everyPostgres')[0]!
const databases = {
  SQLite: () => `sqlite:${join(folder, `${++files}.db`)}`,
  PostgreSQL: () => `${newest.url}?schema=${newSchema()}`,
}
const directions = [
  ['SQLite', 'PostgreSQL'],
  ['PostgreSQL', 'SQLite'],
] as const

function copy(from: string, to: string, wrap = (source: TransferSource): TransferSource => source) {
  return (async () => {
    await using reading = await openTransfer(from, true)
    await using writing = await openTransfer(to, true)
    return await copyAll(wrap(reading), writing, { source: from, copied: () => {} })
  })()
}

describe.each(directions)('from %s to %s', (source, target) => {
  test('a copy has everything, and continues where the original stood', async () => {
    const [from, to] = [databases[source](), databases[target]()]
    await fill(from)
    const original = await contents(from)
    expect(await copy(from, to)).toEqual({ tasks: original.ids.length, resumed: false })
    expect(await contents(to)).toEqual(original)
    expect(original.waits.map(({ wait }) => wait.status).toSorted()).toEqual(['answered', 'early', 'open'])
    expect(original.records).toContainEqual(
      expect.objectContaining({
        checkpoint: '{"at":7}',
        log: [expect.anything(), expect.anything()],
        steps: { steps: [expect.anything(), expect.anything()], next: null },
      }),
    )

    await at(to, async (store) => {
      await store.startNode(node('other'))
      const lost = await store.reap({ poisonLimit: 3 })
      expect(lost.map(({ task }) => task.id).toSorted()).toEqual(['task-parked', 'task-running'])
      const again = await store.submit(
        [submission({ id: 'again', idempotencyKey: 'key \0 \uFFFF', requestHash: 'hash-odd' })],
        fromApi,
      )
      expect(again).toMatchObject({ tasks: [{ replayed: true, task: { id: 'task-odd' } }] })
      const unique = { while: 'unfinished', for: null, onConflict: 'reject' } as const
      const keyed = (id: string) => submission({ id, unique: { ...unique, key: `${id} \0 \uFFFF` } })
      expect(await store.submit([keyed('odd')], fromApi)).toEqual({ kind: 'taken', index: 0, id: 'task-odd' })
      expect(await store.submit([keyed('failed')], fromApi)).toMatchObject({ kind: 'accepted' })
      await store.control([{ id: 'failed', control: 'cancel', by: 'api' }])
      await store.submit([submission({ id: 'newer', priority: 3 })], fromApi)
      await store.hold('work', false, 'carol')
      const types = [{ type: 'work', concurrency: null }]
      const claimed = await store.claim({ node: 'other', limit: 10, types })
      expect(claimed.map(({ task }) => task.id)).toEqual([
        'task-running',
        'task-waiting',
        'newer',
        'task-odd',
        'task-ticked',
      ])
    })
  })

  test('an interrupted copy cannot be opened, refuses another source, and is completed by repeating it', async () => {
    const [from, to] = [databases[source](), databases[target]()]
    await fill(from, 2_000)
    const dying = (reading: TransferSource): TransferSource => ({
      ...bound(reading),
      images: async (after, limit) => {
        if (after > 800) throw new Error('the power is gone')
        return reading.images(after, limit)
      },
    })
    await expect(copy(from, to, dying)).rejects.toThrow('the power is gone')
    await expect(contents(to)).rejects.toThrow('unfinished copy')
    const other = databases[source]()
    await fill(other)
    await expect(copy(other, to)).rejects.toThrow('unfinished copy')
    expect(await copy(from, to)).toEqual({ tasks: 2_011, resumed: true })
    expect(await contents(to)).toEqual(await contents(from))
  })

  test('events that are not distributed yet are copied as deliveries', async () => {
    const [from, to] = [databases[source](), databases[target]()]
    const callback = { url: 'https://a.example/x?\0\uFFFF', origin: 'https://a.example' }
    const deliveries = async ({ webhooks }: Store) => {
      for (let left = true; left;) left = (await webhooks.distribute(1)).deliveries > 0
      const found = await Promise.all(
        ['one', 'callbacks'].map((webhookId) => webhooks.deliveries({ webhookId, before: null, limit: 100 })),
      )
      return found.map((list) =>
        list.toReversed().map(({ event, taskId, url, data }) => ({ event, taskId, url, data })),
      )
    }
    await at(from, async (store) => {
      await store.webhooks.add({
        id: 'one',
        url: 'https://one.example',
        events: ['task.*'],
        types: null,
        tags: null,
        paused: null,
        secrets: [],
      })
      await store.submit([submission({ id: 'first', tags: ['\0 \uFFFF'] })], fromApi)
      await store.webhooks.distribute(1)
      await store.submit([submission({ id: 'second', callback })], fromApi)
      await store.control([{ id: 'second', control: 'cancel', by: 'api' }])
    })
    await copy(from, to)
    const encrypted = async () => {
      await using reading = await openTransfer(from, true)
      return reading.encrypted()
    }
    const before = await encrypted()
    const copied = await at(to, deliveries)
    expect(copied).toEqual(await at(from, deliveries))
    // The URL of the callback counts wherever it is.
    expect(await encrypted()).toEqual(before)
    expect(copied.map((list) => list.length)).toEqual([3, 1])
    await at(to, async (store) => {
      await store.submit([submission({ id: 'third' })], fromApi)
      expect((await deliveries(store))[0]!.map(({ taskId }) => taskId)).toEqual([
        'first',
        'second',
        'second',
        'third',
      ])
    })
  })

  test('tasks that wait are copied, and imported, with what they wait for', async () => {
    const [from, to] = [databases[source](), databases[target]()]
    const predecessors = { ids: ['first', 'second'], onFailure: 'run' } as const
    await at(from, async (store) => {
      await store.submit([submission({ id: 'first' }), submission({ id: 'second' })], fromApi)
      await store.submit([submission({ id: 'third', predecessors, tags: ['waits'] })], fromApi)
      // Its end is counted only after the copy.
      await store.control([{ id: 'first', control: 'cancel', by: 'api' }])
    })
    await copy(from, to)
    const imported = databases[target]()
    const file = join(folder, `${++files}.jsonl`)
    await run(['export', file, '--database', from])
    expect(await run(['import', file, '--database', imported])).toMatchObject({ code: 0, stderr: '' })
    for (const database of [to, imported]) {
      await at(database, async (store) => {
        expect(await store.prune(-1, 10)).toBe(0)
        expect(await store.release(10)).toMatchObject({ moved: [], anyWaits: true })
        expect((await store.get('third'))?.missing).toBe(1)
        await store.control([{ id: 'second', control: 'cancel', by: 'api' }])
        const { moved } = await store.release(10)
        expect(moved.map(({ task }) => [task.id, task.status])).toEqual([['third', 'queued']])
      })
    }
    await run(['export', file, '--force', '--database', from, '--tag', 'waits'])
    const alone = await run(['import', file, '--database', databases[target]()])
    expect(alone.code).not.toBe(0)
    expect(alone.stderr).toContain('Task third waits for task first, which is not in this database')
  })

  test('children are copied, and imported, with their parents, and stop with them', async () => {
    const [from, to] = [databases[source](), databases[target]()]
    const place = { id: 'parent', name: 'naïve \0', occurrence: 2, depth: 1, onEnd: 'cancel' } as const
    const child = (id: string, name: string) => {
      const parent = { ...place, name, fence: 1 }
      const key = { idempotencyKey: childKey(parent), requestHash: childHash('work') }
      return submission({ id, parent, tags: ['child'], ...key })
    }
    await at(from, async (store) => {
      await store.startNode(node('node'))
      await store.submit([submission({ id: 'parent' })], fromApi)
      await store.claim({ node: 'node', limit: 1, types: [{ type: 'work', concurrency: null }] })
      await store.submit([child('one', place.name), child('other', 'other')], fromApi)
      await store.control([{ id: 'other', control: 'cancel', by: 'api' }])
      await store.endNode('node')
    })
    await copy(from, to)
    const imported = databases[target]()
    const file = join(folder, `${++files}.jsonl`)
    await run(['export', file, '--database', from])
    expect(await run(['import', file, '--database', imported])).toMatchObject({ code: 0, stderr: '' })
    for (const database of [to, imported]) {
      await at(database, async (store) => {
        expect((await store.get('one'))?.parent).toEqual(place)
        expect(await store.children('parent')).toEqual({ queued: 1, cancelled: 1 })
        expect(await store.prune(-1, 10)).toBe(0)
        await store.reap({ poisonLimit: 3 })
        await store.control([{ id: 'parent', control: 'cancel', by: 'api' }])
        const { moved } = await store.release(10)
        expect(moved.map(({ task }) => [task.id, task.status])).toEqual([['one', 'cancelled']])
        expect(await store.prune(-1, 10)).toBe(3)
      })
    }
    await run(['export', file, '--force', '--database', from, '--tag', 'child'])
    const alone = databases[target]()
    expect(await run(['import', file, '--database', alone])).toMatchObject({ code: 0, stderr: '' })
    await at(alone, async (store) => {
      expect(await store.release(10)).toMatchObject({ moved: [], anyWaits: false })
      expect(await store.purge(['other'])).toEqual([{ kind: 'purged' }])
    })
  })

  test('an export can be imported: once, and with a filter', async () => {
    const [from, to] = [databases[source](), databases[target]()]
    await fill(from)
    const file = join(folder, `${++files}.jsonl`)
    const out = await run(['export', file, '--database', from, '--status', 'completed,failed,queued'])
    expect(out).toMatchObject({ code: 0, stderr: expect.stringContaining('5 tasks') as string })
    expect(await run(['import', file, '--database', to])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('5 of 5 tasks') as string,
    })
    // Every filter counts: an export of more than was asked for may give away what nobody meant to share.
    for (const none of [
      ['--created-by', 'nobody'],
      ['--fingerprint', '0123456789abcdef'],
      ['--took-min', '900h'],
    ]) {
      const nothing = await run(['export', '-', '--database', from, ...none])
      expect(nothing.stderr, none.join(' ')).toContain('0 tasks')
    }
    const again = await run(['import', file, '--database', to])
    expect(again.stdout).toContain('0 of 5 tasks')
    expect(again.stdout).toContain('5 were skipped')
    const [original, imported] = [await contents(from), await contents(to)]
    expect(imported.ids).toEqual(['task-done', 'task-failed', 'task-waiting', 'task-odd', 'task-ticked'])
    const withoutPlace = ({ records }: typeof original) =>
      records.map(({ task, ...rest }) => ({ ...rest, task: { ...task, queuePosition: 0 } }))
    for (const record of withoutPlace(imported)) expect(withoutPlace(original)).toContainEqual(record)
    expect(imported.counts.byType).toEqual({ work: { completed: 1, failed: 1, queued: 3 } })

    // A task whose unique key another one has is skipped.
    const twin = readFileSync(file, 'utf8')
      .replaceAll('"task-odd"', '"twin"')
      .replaceAll(/"idempotency_key":"[^"]*"/g, '"idempotency_key":null')
    const twins = join(folder, `${++files}.jsonl`)
    writeFileSync(twins, twin)
    expect((await run(['import', twins, '--database', to])).stdout).toContain('0 of 5 tasks')

    writeFileSync(file, readFileSync(file, 'utf8').replace('"status":"failed"', '"status":"lost"'))
    expect(await run(['import', file, '--database', databases[target]()])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Line 3 of') as string,
    })
  })
})

test('a copy refuses a database with tasks, and one that a node uses', async () => {
  const from = databases.SQLite()
  await fill(from)
  const used = databases.PostgreSQL()
  await at(used, async (store) => {
    await store.startNode(node('alive'))
    await expect(copy(from, used)).rejects.toThrow('Nodes are using the database: machine (process 1)')
    await store.endNode('alive')
    await store.submit([submission({ id: 'there' })], fromApi)
  })
  await expect(copy(from, used)).rejects.toThrow('contains tasks')
  await at(from, async () => {
    await expect(copy(from, databases.PostgreSQL())).rejects.toThrow('in use')
  })
  const missing = await run(['copy', `sqlite:${join(folder, 'missing.db')}`, databases.SQLite()])
  expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('no such file') as string })
})

test('doctor looks at a database that nodes share', async () => {
  const database = databases.PostgreSQL()
  const doctor = async () => {
    const { code, stdout } = await run(['doctor', '--json', '--database', database])
    const { findings } = JSON.parse(stdout) as {
      findings: { subject: string; state: string; detail: string }[]
    }
    return { code, of: Object.fromEntries(findings.map((one) => [one.subject, one])) }
  }
  // The servers of the tests do not flush: the one thing that must be fixed.
  expect(await doctor()).toMatchObject({
    code: 1,
    of: { schema: { state: 'warning' }, durability: { state: 'failed' } },
  })
  await fill(database)
  expect(await doctor()).toMatchObject({
    code: 1,
    of: {
      clock: { state: 'ok' },
      schema: { state: 'ok' },
      nodes: { state: 'ok', detail: '0 alive' },
      counts: { state: 'ok', detail: 'agree with the 11 tasks' },
    },
  })
})

test('a copy that is killed in the middle is completed by the next one', async () => {
  const [from, to] = [databases.SQLite(), databases.PostgreSQL()]
  await fill(from, 20_000)
  const main = join(import.meta.dirname, '../../src/main.ts')
  const killed = spawn(process.execPath, [main, 'copy', from, to], { stdio: ['ignore', 'ignore', 'pipe'] })
  await new Promise((resolve) => {
    killed.stderr.once('data', resolve)
  })
  killed.kill('SIGKILL')
  await new Promise((resolve) => {
    killed.once('exit', resolve)
  })
  await expect(contents(to)).rejects.toThrow('unfinished copy')
  const { code, stdout } = await run(['copy', from, to])
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('was resumed') as string })
  const [original, copied] = [await contents(from), await contents(to)]
  expect(copied.ids.length).toBe(20_011)
  expect(copied).toEqual(original)
})

function bound(source: TransferSource): TransferSource {
  return {
    images: (after, limit) => source.images(after, limit),
    surroundings: () => source.surroundings(),
    schedules: (after, limit) => source.schedules(after, limit),
    ticks: (after, limit) => source.ticks(after, limit),
    deliveries: (after, limit) => source.deliveries(after, limit),
    events: (after) => source.events(after),
    counters: () => source.counters(),
    entries: (after, limit) => source.entries(after, limit),
    countEntries: () => source.countEntries(),
    encrypted: () => source.encrypted(),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  }
}
