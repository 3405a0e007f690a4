import { Client } from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { openTaskManager } from '../../src/index.ts'
import { newSchema } from '../conformance/stores.ts'
import { patient } from '../fixtures/patient.ts'
import { quick } from '../fixtures/quick.ts'

/** Any user of the database can send notifications on the channel of the nodes. */

const ids = Array.from({ length: 180 }, (_, index) => `00000000-0000-7000-8000-${1e11 + index}`)
const hostile: readonly string[] = [
  '',
  ' ',
  'null',
  'true',
  '5',
  '"text"',
  '[]',
  '{}',
  '{',
  '[['.repeat(3_900),
  'x'.repeat(7_999),
  '\uFFFF\u{10FFFF}',
  ...[
    5,
    true,
    'text',
    null,
    {},
    { length: 3 },
    [5],
    [null],
    [{}],
    [['a']],
    ['\uD800', '\uFFFFzzzz', ''],
  ].flatMap((forged) => [
    JSON.stringify({ from: 'x', moved: forged }),
    JSON.stringify({ from: 'x', watched: forged }),
    JSON.stringify({ from: forged, queued: true }),
    JSON.stringify({ from: 'x', queued: forged, test: forged }),
  ]),
  JSON.stringify({ from: 'x', moved: ids }),
  JSON.stringify({ from: 'x', watched: ids }),
  JSON.stringify({ from: 'x', test: 1e308 }),
  '{"from":"x","__proto__":{"moved":5},"moved":{"constructor":1}}',
]

test('nodes ignore invalid notifications, log this once, and keep receiving signals', async () => {
  const schema = newSchema()
  const warnings: string[] = []
  const logger = {
    debug() {},
    info() {},
    warn: (_: object, message: string) => void warnings.push(message),
    error: (fields: object, message: string) => void warnings.push(`${message} ${JSON.stringify(fields)}`),
  }
  const open = (maxConcurrent: number) =>
    openTaskManager({
      database: `${inject('postgres')}?schema=${schema}&lease=30`,
      tasks: [patient, quick],
      maxConcurrent,
      drain: 1,
      logger,
    })
  const [api, worker] = await Promise.all([open(0), open(4)])
  onTestFinished(async () => void (await Promise.all([api.close(), worker.close()])))
  const faults: unknown[] = []
  const fault = (error: unknown) => void faults.push(error)
  process.on('uncaughtExceptionMonitor', fault)
  onTestFinished(() => void process.off('uncaughtExceptionMonitor', fault))

  // Both nodes listen: a task submitted at one runs on the other immediately.
  expect(await (await api.submit(quick, { a: 1 })).result()).toBe(2)
  const client = new Client({ connectionString: inject('postgres') })
  await client.connect()
  for (const payload of hostile)
    await client.query('select pg_notify($1, $2)', [`fermata_${schema}`, payload])
  await client.end()

  const handle = await api.submit(patient, {})
  const running = AbortSignal.timeout(60_000)
  for await (const event of handle.events({ signal: running })) {
    if (event.kind === 'transition' && event.task.status === 'running') break
  }
  expect(await handle.pause({ wait: 60_000 })).toMatchObject({ status: 'paused' })
  expect(await handle.cancel({ wait: 60_000 })).toMatchObject({ status: 'cancelled' })
  expect(faults).toEqual([])
  // Nodes of other tests on this machine may have been killed, and a busy one may be late with its lease.
  const own = warnings.filter((message) => !/^ended processes left behind|lease/.test(message))
  expect(own).toEqual(Array.from({ length: 2 }, () => expect.stringContaining('ignoring notifications')))
})
