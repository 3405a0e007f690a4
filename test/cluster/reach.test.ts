import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Clock } from '../../src/core/clock.ts'
import { idSource } from '../../src/engine/ids.ts'
import { TaskManager } from '../../src/engine/task-manager.ts'
import { inlineExecutor } from '../../src/execution/executors/inline.ts'
import { noDelay } from '../../src/execution/executors/loop-watch.ts'
import { systemClock } from '../../src/execution/executors/system-clock.ts'
import { Registry } from '../../src/registry/registry.ts'
import { openPostgres } from '../../src/store/postgres/store.ts'
import { newSchema } from '../conformance/stores.ts'
import { patient } from '../fixtures/patient.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { patiently, until } from '../support/until.ts'

/** How a node controls and follows a task that runs on another one. */

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

/** Milliseconds. Every poll for changes by other nodes has a longer interval. */
const belowPolling = 100

/** Two nodes: one accepts tasks, and the other runs them. `polls`: whether they poll, in addition to notifications. */
async function pair(url: string, { polls }: { polls: boolean }) {
  let isOver = false
  const clock: Clock = {
    ...systemClock,
    after: (ms, fire) => (polls || isOver || ms < belowPolling ? systemClock.after(ms, fire) : () => {}),
    // A poll renews the interest in a task on another node, which lasts 30 s: without polls, time hardly passes.
    monotonic: () => systemClock.monotonic() / (polls ? 1 : 1_000),
  }
  const schema = newSchema()
  const open = async (slots: number) =>
    TaskManager.open({
      store: await openPostgres(url, { schema }),
      registry: new Registry([patient]),
      executor: inlineExecutor(clock),
      clock,
      logger: quiet,
      newId: idSource(clock),
      random: () => 0,
      loopDelay: noDelay,
      version: 'test',
      host: 'machine',
      pid: 1,
      maxConcurrent: slots,
      types: [patient.type],
      maxQueued: 1_000,
      retention: 3_600_000,
      auditRetention: 7_776_000_000,
      cancelGrace: 5_000,
      drain: 1_000,
      maxParked: { inline: 10, thread: 8, process: 32, command: 32 },
      closed: () => {},
    })
  const [api, worker] = [await open(0), await open(4)]
  onTestFinished(async () => {
    isOver = true
    await Promise.all([api.close(), worker.close()])
  })
  await until('both nodes listen for notifications', async () => (await listening(url)) === 2)
  return api
}

/** The number of sessions of this user that listen for notifications. */
async function listening(url: string): Promise<number> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ count: number }>(
      `select count(*)::int from pg_stat_activity
       where usename = current_user and application_name = 'fermata signals' and state = 'idle' and query <> ''`,
    )
    return rows[0]?.count ?? 0
  } finally {
    await client.end()
  }
}

/** Controls and follows a task from the node that does not run it. */
async function reaches(api: TaskManager): Promise<void> {
  const handle = await api.submit(patient, {})
  const heard: string[] = []
  const following = (async () => {
    for await (const event of handle.events()) {
      if (event.kind === 'transition') heard.push(event.entry.event)
    }
  })()
  const runs = () => until('it runs', async () => (await handle.task()).status === 'running')
  await runs()
  for (let turn = 0; turn < 4; turn++) {
    expect(await handle.pause(patiently)).toMatchObject({ status: 'paused' })
    await handle.resume(patiently)
    await runs()
  }
  expect(await handle.cancel(patiently)).toMatchObject({ status: 'cancelled' })
  await following
  const turn = ['pause_requested', 'paused', 'resumed', 'claimed']
  expect(heard).toEqual([
    'submitted',
    'claimed',
    ...[turn, turn, turn, turn].flat(),
    'cancel_requested',
    'cancelled',
  ])
}

describe('a task on another node', () => {
  let server: Awaited<ReturnType<typeof startPostgres>>
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  test('is controlled and followed by notifications alone', async () => {
    await reaches(await pair(server.url, { polls: false }))
  })

  test('is controlled and followed when every notification is lost', async () => {
    await createDeafRole(server.url)
    await reaches(await pair(server.url.replace('postgres:postgres@', 'deaf:deaf@'), { polls: true }))
  })
})

/** Creates a role that cannot send notifications. */
async function createDeafRole(url: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query("create role deaf login password 'deaf'")
  await client.query('grant create on database postgres to deaf')
  await client.query('revoke execute on function pg_notify(text, text) from public')
  await client.end()
}
