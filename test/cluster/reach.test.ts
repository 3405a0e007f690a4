import { Client } from 'pg'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { openTaskManager, type TaskHandle, type TaskManager } from '../../src/index.ts'
import { newSchema } from '../conformance/stores.ts'
import { patient } from '../fixtures/patient.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { patiently, until } from '../support/until.ts'

/** How soon a node reaches a task that runs on another one, in real time. */

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const turns = 12

async function pair(url: string): Promise<readonly [api: TaskManager, worker: TaskManager]> {
  const database = `${url}?schema=${newSchema()}`
  const open = (maxConcurrent: number) =>
    openTaskManager({ database, tasks: [patient], maxConcurrent, drain: 1, logger: quiet })
  const nodes = [await open(0), await open(4)] as const
  onTestFinished(async () => {
    await Promise.all(nodes.map((node) => node.close()))
  })
  return nodes
}

/** Milliseconds of each control until it is answered, and of each transition until a stream tells it, in order of size. */
async function measured([api, worker]: readonly [TaskManager, TaskManager]) {
  const handle = await api.submit(patient, {})
  const [told, seen] = [new Map<number, number>(), new Map<number, number>()]
  const streams = [noted(await worker.handle(handle.id), told), noted(handle, seen)]
  const controls: number[] = []
  await reached(handle, 'running')
  for (let turn = 0; turn < turns; turn++) {
    for (const [control, status] of [
      ['pause', 'paused'],
      ['resume', 'running'],
    ] as const) {
      const began = performance.now()
      await handle[control]({ wait: 10_000 })
      controls.push(performance.now() - began)
      await reached(handle, status)
    }
  }
  await handle.cancel(patiently)
  await Promise.all(streams)
  const events = [...told].map(([version, at]) => Math.abs((seen.get(version) ?? Number.NaN) - at))
  return { controls: controls.toSorted((a, b) => a - b), events: events.toSorted((a, b) => a - b) }
}

async function noted(handle: TaskHandle, at: Map<number, number>): Promise<void> {
  for await (const event of handle.events()) {
    if (event.kind === 'transition') at.set(event.entry.version, performance.now())
  }
}

async function reached(handle: TaskHandle, status: string): Promise<void> {
  await until(`it is ${status}`, async () => (await handle.task()).status === status)
}

const middle = (sorted: readonly number[]) => sorted[Math.floor(sorted.length / 2)]!
const written = (sorted: readonly number[]) =>
  `median ${middle(sorted).toFixed(0)} ms, most ${sorted.at(-1)?.toFixed(0)} ms`

describe('a task on another node', () => {
  test('is controlled and followed faster than by polling', async () => {
    const { controls, events } = await measured(await pair(inject('postgres')))
    console.log(`controls: ${written(controls)}; events: ${written(events)}`)
    expect(events).toHaveLength(4 + 4 * turns)
    // Who had to wait for a look would wait for half a second in the middle. A busy machine is not the one to say more.
    expect(middle(controls)).toBeLessThan(500)
    expect(middle(events)).toBeLessThan(500)
  })

  test('is reached by polling if every notification is lost', async () => {
    await using server = await startPostgres()
    await without(server.url)
    const { events } = await measured(await pair(server.url.replace('postgres:postgres@', 'deaf:deaf@')))
    expect(events).toHaveLength(4 + 4 * turns)
  })
})

/** A role that may do all but notify. */
async function without(url: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query("create role deaf login password 'deaf'")
  await client.query('grant create on database postgres to deaf')
  await client.query('revoke execute on function pg_notify(text, text) from public')
  await client.end()
}
