import { openStore } from '../../src/database.ts'
import { defaultCatchUp, scheduleMade, type ScheduleDefinition } from '../../src/core/schedule.ts'
import { systemClock } from '../../src/execution/executors/system-clock.ts'
import type { StepRecord } from '../../src/core/step.ts'
import type { Store } from '../../src/store/store.ts'
import { answerOf, boom, by, fromApi, node, reachedOk, submission } from './tasks.ts'

/** Without a node: nothing changes by looking. */
export async function at<T>(database: string, work: (store: Store) => Promise<T>): Promise<T> {
  await using store = await openStore(database, systemClock)
  return await work(store)
}

const admission = { limits: [{ name: 'api', key: 'acme' }], fairnessKey: 'Änne', weight: 2, aging: 60_000 }

/** Tasks in every situation that leaves something in the database. */
export async function fill(database: string, more = 0): Promise<void> {
  await at(database, async (store) => {
    await store.startNode(node('node'))
    await store.limits.put({
      name: 'api',
      concurrency: 2,
      rate: { limit: 10, per: 1_000 },
      scope: 'global',
      origin: 'api',
    })
    await store.figures.put(
      [{ step: 300_000, writer: 'node/1', type: 'odd \0', body: '{"happened":[1]}' }],
      0,
    )
    const ids = ['done', 'failed', 'retry', 'parked', 'running', 'cancelled', 'waiting', 'late', 'odd']
    const unique = { while: 'unfinished', for: 3_600_000, onConflict: 'reject' } as const
    await store.submit(
      ids.map((id, index) =>
        submission({
          id: `task-${id}`,
          parameters: `{"text":"zero \\u0000, mark \uFFFF","n":${index}}`,
          idempotencyKey: id === 'odd' ? 'key \0 \uFFFF' : `key-${id}`,
          requestHash: `hash-${id}`,
          priority: 9 - index,
          tags: id === 'done' ? ['a', 'b'] : [],
          ...(id === 'late' || id === 'waiting' ? { admission } : {}),
          delay: id === 'late' ? 3_600_000 : null,
          ...(id === 'late' || id === 'done' ? { expiresIn: 7_200_000 } : {}),
          ...(id === 'odd' || id === 'failed' ? { unique: { ...unique, key: `${id} \0 \uFFFF` } } : {}),
          trace: id === 'odd' ? null : `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01 vendor="x y"`,
        }),
      ),
      fromApi,
    )
    const claimed = await store.claim({
      node: 'node',
      limit: 5,
      types: [{ type: 'work', concurrency: null }],
    })
    const [done, failed, retry, parked] = claimed.map(({ task: { id, fence } }) => ({ id, fence }))
    const log = [
      { at: 1, attempt: 1, text: 'first \0 line' },
      { at: 2, attempt: 1, text: 'second' },
    ]
    await store.save('node', [{ ...parked!, checkpoint: '{"at":7}', log, steps }])
    for (const [name, timeout] of [
      ['ok', null],
      ['odd \0 \uFFFF', 3_600_000],
    ] as const) {
      const reached = reachedOk(`${parked!.id} ${timeout}`, { name, timeout })
      await store.waits.reach('node', { ...parked!, reached })
    }
    const early = { name: 'early', early: true }
    await store.waits.answer({ id: parked!.id, answer: answerOf('{"text":"\uFFFF"}') }, by('alice'))
    await store.waits.answer({ id: 'task-waiting', answer: answerOf('1', early) }, by('bob'))
    await store.control([{ id: parked!.id, control: 'pause', by: 'alice' }])
    const until = store.now() + 3_600_000
    const sleeping = {
      kind: 'sleeping',
      until,
      delay: 3_600_000,
      sleeps: { over: 2, after: [0, 5] },
      awaits: null,
    } as const
    await store.settle('node', [
      { ...done!, activeMs: 5, outcome: { kind: 'completed', result: '{"deep":[1,2,{"x":"y"}]}' } },
      { ...failed!, activeMs: 6, outcome: { kind: 'failed', error: boom, retryIn: null }, log },
      { ...retry!, activeMs: 7, outcome: { kind: 'failed', error: boom, retryIn: 60_000 } },
      { ...parked!, activeMs: 8, outcome: sleeping },
    ])
    await store.control(
      [{ id: 'task-cancelled', control: 'cancel', by: 'bob' }],
      by('bob', { requestId: 'request' }),
    )
    await store.hold('work', true, 'carol', by('carol', { reason: 'zero \0, mark \uFFFF' }))
    const key = {
      scopes: ['read'],
      types: ['work'],
      tags: null,
      createdBy: 'Änne',
      expiresAt: null,
      rateLimit: { limit: 5, per: 1_000 },
    } as const
    await store.keys.add({ ...key, id: 'one', name: 'Änne', hash: 'a' })
    await store.keys.add({ ...key, id: 'two', name: 'bob', hash: 'b' })
    await store.keys.rotate('two', 'c', 3_600_000)
    await store.keys.remove('one')
    await store.keys.use(['two'])
    const made = { now: store.now(), by: 'Änne', origin: 'api', paused: false } as const
    const schedule = scheduleMade(hourly, made)
    await store.schedules.add(schedule)
    await store.schedules.add(scheduleMade({ ...hourly, id: 'idle' }, { ...made, paused: true }))
    const [tickAt] = [Math.floor(schedule.nextAt! / 1_000) * 1_000]
    await store.schedules.change(
      [
        {
          schedule: { ...schedule, version: 2, buffered: 1 },
          isRedefined: false,
          ticks: [
            { tickAt, from: 'new', to: { taskId: 'task-ticked', skipped: null, waits: null } },
            { tickAt: tickAt + 1_000, from: 'new', to: { taskId: null, skipped: null, waits: 'buffer_all' } },
            { tickAt: tickAt + 2_000, from: 'new', to: { taskId: null, skipped: 'overlap', waits: null } },
          ],
          submissions: [submission({ id: 'task-ticked', schedule: { id: schedule.id, tickAt } })],
          by: 'schedule hourly',
        },
      ],
      1_000,
    )
    await store.schedules.record([{ scheduleId: 'hourly', tickAt, status: 'failed' }])
    await store.webhooks.add({
      id: 'wh_one',
      url: 'https://example.com/\0\uFFFF',
      events: ['task.*'],
      types: null,
      tags: null,
      paused: null,
      secrets: [{ secret: 'whsec_a', until: null }],
    })
    await store.webhooks.test('wh_one', '{}')
    const [tried] = (
      await store.webhooks.claim({ perLane: 1, busy: new Map(), limit: 1, lease: 1_000, after: '' })
    ).deliveries
    await store.webhooks.settle([
      {
        number: tried!.number,
        claim: tried!.claim,
        attempt: { status: 500, error: 'zero \0', took: 5 },
        outcome: { retryIn: 60_000 },
      },
    ])
    const callback = { url: 'https://example.com/done', origin: 'https://example.com' }
    await store.submit([submission({ id: 'task-called', type: 'other', callback })], fromApi)
    await store.control([{ id: 'task-called', control: 'cancel', by: 'bob' }])
    await store.beginOperation(
      {
        id: 'operation',
        action: 'cancel',
        filter: {},
        dryRun: false,
        status: 'running',
        by: 'Änne',
        callerId: null,
        reason: null,
        node: 'node',
        createdAt: 0,
        endedAt: null,
        matched: 3,
        changed: 1,
        unchanged: 1,
        refused: 1,
        error: null,
      },
      by('Änne'),
    )
    for (let from = 0; from < more; from += 1_000) {
      const batch = Array.from({ length: 1_000 }, (_, index) =>
        submission({ id: `more-${from + index}`, type: 'more' }),
      )
      await store.submit(batch, fromApi)
    }
    for (let left = true; left;) left = (await store.webhooks.distribute(1_000)).deliveries > 0
    await store.endNode('node')
  })
}

const steps: readonly StepRecord[] = [
  {
    name: 'odd \0 \uFFFF',
    occurrence: 2,
    status: 'completed',
    attempts: 3,
    startedAt: 5,
    finishedAt: 6,
    result: '{"text":"\uFFFF"}',
    error: null,
  },
  {
    name: 'failed',
    occurrence: 1,
    status: 'failed',
    attempts: 1,
    startedAt: 7,
    finishedAt: 8,
    result: null,
    error: boom,
  },
]

const hourly: ScheduleDefinition & Readonly<{ id: string }> = {
  id: 'hourly',
  type: 'work',
  parameters: '{"text":"zero \\u0000, mark \uFFFF"}',
  options: { tags: ['a'], timeout: '10m' },
  cron: [],
  every: 3_600_000,
  offset: 0,
  timezone: 'Europe/Berlin',
  from: null,
  until: null,
  jitter: 0,
  overlap: 'skip',
  catchUp: defaultCatchUp,
  pauseOnFailures: 3,
  description: 'Ä \uFFFF',
}

/** All that a store shows of its tasks. */
export async function contents(database: string) {
  return at(database, async (store) => {
    const { entries } = await store.find({ filter: {}, order: 'oldest', after: null, limit: 1e6, scan: 1e6 })
    const records = entries
      .filter((id) => !id.startsWith('more-'))
      .map(async (id) => ({
        ...(await store.read(id)),
        log: await store.log(id, 0, 1_000),
        steps: await store.steps(id, { after: 0, limit: 100, bytes: 1e9 }),
      }))
    const operation = await store.operation('operation')
    const keys = await store.keys.read()
    const waits = await store.waits.list({ filter: {}, order: 'oldest', after: null, limit: 100, scan: 100 })
    const schedules = await store.schedules.list('', 100)
    const ticks = await store.schedules.ticks('hourly', Number.MAX_SAFE_INTEGER, 100)
    return {
      figures: await store.figures.since(0, 'odd \0'),
      ids: entries,
      records: await Promise.all(records),
      counts: await store.counts(),
      operation,
      keys,
      audit: (await store.audit.read({ filter: {}, after: null, scan: 1e6 })).entries,
      waits: waits.waits.map(({ task, wait }) => ({ id: task.id, wait })),
      schedules,
      ticks,
      webhooks: await store.webhooks.list(),
      deliveries: await Promise.all(
        ['wh_one', 'callbacks'].map((webhookId) =>
          store.webhooks.deliveries({ webhookId, before: null, limit: 100 }),
        ),
      ),
    }
  })
}
