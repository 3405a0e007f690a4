import { Client } from 'pg'
import { describe, inject, test } from 'vitest'
import { StoreUnavailable } from '../../src/core/errors.ts'
import { openPostgres } from '../../src/store/postgres/store.ts'
import type { Store } from '../../src/store/store.ts'
import { newSchema } from '../conformance/stores.ts'
import { node, fromApi, submission } from '../support/tasks.ts'

/** Locks held by another database session delay only the calls that need them. */

const ids = Array.from({ length: 22 }, (_, n) => `task ${n}`)
const work = { type: 'work', concurrency: null }

async function setUp() {
  const schema = newSchema()
  const store = await openPostgres(inject('postgres'), { schema })
  const client = new Client({ connectionString: inject('postgres') })
  await client.connect()
  await store.startNode(node('here'))
  return {
    schema,
    store,
    client,
    /** Locks the row until the client ends its transaction. */
    async lock(id: string) {
      await client.query('begin')
      await client.query(`select 1 from ${schema}.tasks where id = $1 for update`, [id])
    },
    [Symbol.asyncDispose]: async () => {
      await client.end()
      await store[Symbol.asyncDispose]()
    },
  }
}

const submitAll = (store: Store) =>
  store.submit(
    ids.map((id) => submission({ id })),
    fromApi,
  )

/** The error of a call of which nothing was recorded. */
const refused = { name: 'StoreUnavailable', unknown: false } satisfies Partial<StoreUnavailable>

/** Each verb for one task: what it needs first, the call, and its answer for an unlocked task. */
const verbs = {
  control: {
    before: async () => {},
    call: (store: Store, id: string) => store.control([{ id, control: 'pause', by: 'api' }]),
    answer: [{ kind: 'moved' }],
  },
  purge: {
    before: (store: Store) => store.control(ids.map((id) => ({ id, control: 'cancel', by: 'api' }) as const)),
    call: (store: Store, id: string) => store.purge([id]),
    answer: [{ kind: 'purged' }],
  },
  save: {
    before: claimAll,
    call: (store: Store, id: string) => store.save('here', [{ id, fence: 1, checkpoint: '1' }]),
    answer: [true],
  },
  settle: {
    before: claimAll,
    call: (store: Store, id: string) =>
      store.settle('here', [{ id, fence: 1, activeMs: 1, outcome: { kind: 'completed', result: '1' } }]),
    answer: [{ verdict: 'settled' }],
  },
  unpark: {
    before: async (store: Store) => {
      await claimAll(store)
      await store.control(ids.map((id) => ({ id, control: 'pause', by: 'api' }) as const))
      const outcome = { kind: 'paused', controlVersion: 3 } as const
      await store.settle(
        'here',
        ids.map((id) => ({ id, fence: 1, activeMs: 1, outcome })),
      )
    },
    call: (store: Store, id: string) => store.unpark('here', [{ id, fence: 1, why: 'gone' }]),
    answer: [{ entry: { event: 'unparked' } }],
  },
} as const

function claimAll(store: Store) {
  return store.claim({ node: 'here', limit: ids.length, types: [work] })
}

describe.concurrent('a row that another session holds locked', () => {
  test.for(Object.keys(verbs) as (keyof typeof verbs)[])(
    'fails the %s that needs it, and no other',
    async (name, { expect }) => {
      await using there = await setUp()
      const { store, client } = there
      const { before, call, answer } = verbs[name]
      await submitAll(store)
      await before(store)
      await there.lock('task 7')
      const answers = ids.map((id) => call(store, id))
      const [held] = answers.splice(7, 1)
      held!.catch(() => undefined)
      for (const one of await Promise.all(answers)) expect(one).toMatchObject(answer)
      await expect(held).rejects.toMatchObject(refused)
      await client.query('commit')
      expect(await call(store, 'task 7')).toMatchObject(answer)
    },
  )

  test('fails those that need it, even if there are many', async ({ expect }) => {
    await using there = await setUp()
    const { store, client } = there
    await submitAll(store)
    await there.lock('task 7')
    const pause = (id: string) => store.control([{ id, control: 'pause', by: 'api' }])
    const held = Promise.allSettled(ids.map(() => pause('task 7')))
    expect(await pause('task 8')).toMatchObject([{ kind: 'moved' }])
    for (const one of await held) expect(one).toMatchObject({ status: 'rejected', reason: refused })
    await client.query('commit')
    expect(await pause('task 7')).toMatchObject([{ kind: 'moved' }])
  })

  test('fails a call for it and an unknown task together, and answers the rest', async ({ expect }) => {
    await using there = await setUp()
    const { store } = there
    await submitAll(store)
    await there.lock('task 7')
    const [unknown, held] = [store.purge(['nobody']), store.purge(['task 7'])]
    held.catch(() => undefined)
    expect(await unknown).toEqual([{ kind: 'unknown' }])
    await expect(held).rejects.toMatchObject(refused)
  })
})

describe.concurrent('a table that another session holds locked', () => {
  test('fails calls that need it, and nothing once it is free', async ({ expect }) => {
    await using there = await setUp()
    const { store, client, schema } = there
    await client.query('begin')
    await client.query(`lock table ${schema}.tasks in exclusive mode`)
    const submits = ids.map((id) => store.submit([submission({ id })], fromApi))
    for (const one of await Promise.allSettled(submits)) {
      expect(one).toMatchObject({ status: 'rejected', reason: refused })
    }
    await client.query('commit')
    expect(await submitAll(store)).toMatchObject({ kind: 'accepted' })
  })
})

describe.concurrent("an idempotency key in a caller's open transaction", () => {
  const keyed = (id: string, key: string) => submission({ id, idempotencyKey: key, requestHash: 'hash' })

  test.for([
    ['commit', { replayed: true, task: { id: 'first' } }],
    ['rollback', { replayed: false, task: { id: 'again' } }],
  ] as const)(
    'fails the submit with that key, and no other one: until its %s',
    async ([end, after], { expect }) => {
      await using there = await setUp()
      const { store, client } = there
      await submitAll(store)
      await client.query('begin')
      await store.shared!.submitWithin(client, [keyed('first', 'key 7')], fromApi)
      const submits = ids.map((id, n) => store.submit([keyed(`${id} keyed`, `key ${n}`)], fromApi))
      const plain = store.submit([submission({ id: 'plain' })], fromApi)
      const control = store.control([{ id: 'task 7', control: 'pause', by: 'api' }])
      const claim = store.claim({ node: 'here', limit: 1, types: [work] })
      const [held] = submits.splice(7, 1)
      held!.catch(() => undefined)
      for (const one of await Promise.all([...submits, plain]))
        expect(one).toMatchObject({ kind: 'accepted' })
      expect(await control).toMatchObject([{ kind: 'moved' }])
      expect(await claim).toHaveLength(1)
      await expect(held).rejects.toMatchObject(refused)
      await client.query(end)
      expect(await store.submit([keyed('again', 'key 7')], fromApi)).toMatchObject({ tasks: [after] })
    },
  )

  test('fails all submits with that key, and no other', async ({ expect }) => {
    await using there = await setUp()
    const { store, client } = there
    await client.query('begin')
    await store.shared!.submitWithin(client, [keyed('first', 'key')], fromApi)
    const held = Promise.allSettled(ids.map((id) => store.submit([keyed(id, 'key')], fromApi)))
    expect(await store.submit([keyed('other', 'other key')], fromApi)).toMatchObject({ kind: 'accepted' })
    for (const one of await held) expect(one).toMatchObject({ status: 'rejected', reason: refused })
    await client.query('commit')
  })
})

describe.concurrent('a type that another session holds locked', () => {
  test('fails the claim that counts it, and no other call', async ({ expect }) => {
    await using there = await setUp()
    const { store, client, schema } = there
    const request = { node: 'here', limit: 1, types: [{ type: 'work', concurrency: 1 }] }
    expect(await store.claim(request)).toEqual([])
    await client.query('begin')
    await client.query(`select 1 from ${schema}.types for update`)
    const submits = ids.map((id) => store.submit([submission({ id })], fromApi))
    const claim = store.claim(request)
    claim.catch(() => undefined)
    for (const one of await Promise.all(submits)) expect(one).toMatchObject({ kind: 'accepted' })
    await expect(claim).rejects.toMatchObject(refused)
    await client.query('commit')
    expect(await store.claim(request)).toHaveLength(1)
  })
})
