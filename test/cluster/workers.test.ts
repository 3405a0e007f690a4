import { expect, inject, test } from 'vitest'
import { Fermata, Worker } from '../../src/client/index.ts'
import { newSchema } from '../conformance/stores.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

const types = { count: { pause: 'checkpoint', max_attempts: 1 } } as const
const drafts = [{ type: 'count', ...types.count }]

async function cluster(size: number, more: Record<string, string> = {}) {
  const env = { DATABASE_URL: `${inject('postgres')}?schema=${newSchema()}&lease=15`, ...more }
  const servers = await Promise.all(Array.from({ length: size }, () => TestServer.start({ env })))
  return {
    servers,
    clients: servers.map(({ url }) => new Fermata({ url })),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()))
    },
  }
}

test('each call of a worker may reach another server, and the server that claimed may be killed', async () => {
  await using nodes = await cluster(2)
  const [here, there] = nodes.clients as [Fermata, Fermata]
  await here.registerWorker('w', drafts)
  // The other one knows the type as soon as somebody asks for it.
  const { task_id: id } = await there.submitTask('count', { parameters: {} })
  expect(Object.keys((await there.listTypes()).task_details)).toContain('count')
  const { tasks } = await there.claimTasks('w')
  const { lease_token: token } = tasks[0]!
  const progress = { current: 1, total: 3 }
  expect(await here.beat(token, { progress, checkpoint: { at: 1 } })).toMatchObject({ signal: 'none' })
  // A pause that one server is asked for reaches a beat that waits at the other.
  const beat = here.beat(token, { wait: 15 })
  const pausing = there.pauseTask(id, { wait: 60 })
  expect(await beat).toMatchObject({ signal: 'pause' })
  expect(await there.returnPausedTask(token, { at: 2 })).toMatchObject({ status: 'paused' })
  expect(await pausing).toMatchObject({ status: 'paused' })
  await here.resumeTask(id)
  const again = await until(
    'it is claimed again',
    async () => (await there.claimTasks('w', { wait: 1 })).tasks[0],
  )
  expect(again).toMatchObject({ task_id: id, attempt: 1, checkpoint: { at: 2 } })

  nodes.servers[1]!.signal('SIGKILL')
  await nodes.servers[1]!.ended
  expect(await here.beat(again.lease_token)).toMatchObject({ signal: 'none' })
  await until('the node is dead for the others', async () => (await here.listNodes()).nodes.length === 1)
  expect(await here.beat(again.lease_token)).toMatchObject({ signal: 'none' })
  expect(await here.completeTask(again.lease_token, 'done')).toEqual({ task_id: id, status: 'completed' })
  expect(await here.getTask(id)).toMatchObject({ result: 'done', crashes: 0, attempt: 1 })
})

test('steps, a look and a park reach different servers, and the one that was asked before is killed each time', async () => {
  await using nodes = await cluster(3)
  const [first, second, third] = nodes.clients as [Fermata, Fermata, Fermata]
  const kill = async (index: number) => {
    nodes.servers[index]!.signal('SIGKILL')
    await nodes.servers[index]!.ended
  }
  await first.registerWorker('w', drafts)
  const { task_id: id } = await first.submitTask('count', { parameters: {} })
  const claimed = async (client: Fermata, worker: string) =>
    until('it is claimed', async () => (await client.claimTasks(worker, { wait: 1 })).tasks[0])
  const { lease_token: token } = await claimed(first, 'w')
  await first.beat(token, { steps: [{ name: 'charge', result: { id: 7 } }] })
  const { status, seen } = await first.lookAtWait(token, { name: 'ship', schema: { type: 'boolean' } })
  expect(status).toBe('open')
  await kill(0)
  // The answer comes between look and park, at another server than both.
  await third.answerTask(id, 'ship', true)
  const parking = { awaits: { waits: ['ship'], seen: seen ?? 0 }, checkpoint: { at: 1 } }
  expect(await second.parkTask(token, parking)).toEqual({ task_id: id, status: 'queued' })
  await kill(1)
  // The response was lost, and another worker has the task by now.
  await third.registerWorker('other', drafts)
  const again = await claimed(third, 'other')
  expect(again).toMatchObject({ task_id: id, attempt: 1, checkpoint: { at: 1 } })
  expect(await third.parkTask(token, parking)).toEqual({ task_id: id, status: 'queued' })
  await expect(third.beat(token, { steps: [{ name: 'late' }] })).rejects.toMatchObject({ code: 'LEASE_LOST' })
  const { steps } = await third.getStoredSteps(again.lease_token)
  expect(steps).toMatchObject([{ name: 'charge', status: 'completed', result: { id: 7 } }])
  const look = await third.lookAtWait(again.lease_token, { name: 'ship' })
  expect(look).toEqual({ status: 'answered', answer: true, left: null, seen: null })
  // A sleep ends on the server that is left.
  await third.parkTask(again.lease_token, { wake_in: 0.3, sleeps: { over: 1, left: [0.3] } })
  const last = await claimed(third, 'other')
  expect(last).toMatchObject({ attempt: 1, sleeps: { over: 1, left: [0] } })
  expect(await third.completeTask(last.lease_token, 'done')).toMatchObject({ status: 'completed' })
})

test('a waiting claim at one server gets what is submitted at another', async () => {
  await using nodes = await cluster(2)
  const [here, there] = nodes.clients as [Fermata, Fermata]
  await here.registerWorker('w', drafts)
  const claim = here.claimTasks('w', { wait: 50 })
  const { task_id: id } = await there.submitTask('count', { parameters: {} })
  expect((await claim).tasks).toMatchObject([{ task_id: id }])
})

test(
  'workers on three servers that are killed in turn run each task, and lose none',
  { timeout: 600_000 },
  async () => {
    await using nodes = await cluster(3, { FERMATA_WORKER_LEASE: '15s' })
    const done = new Map<string, number>()
    const over = new AbortController()
    // Each worker calls the servers in turn, as behind a load balancer.
    let turn = 0
    const balanced = (input: string, init: RequestInit) => {
      const { url } = nodes.servers[turn++ % nodes.servers.length]!
      return fetch(input.replace('http://balanced', url), init)
    }
    const running = [1, 2, 3, 4].map((number) =>
      new Worker(new Fermata({ url: 'http://balanced', fetch: balanced }), {
        name: `w${number}`,
        concurrency: 3,
        types: {
          count: {
            ...types.count,
            async run(_: object, task) {
              for (let step = Number(task.state ?? 0); step < 5; step++) {
                await task.checkpoint(step as never)
                await new Promise((resolve) => setTimeout(resolve, 20))
              }
              done.set(task.id, (done.get(task.id) ?? 0) + 1)
              return 'done'
            },
          },
        },
      }).run({ signal: over.signal }),
    )
    const client = new Fermata({ url: 'http://balanced', fetch: balanced, patience: 60 })
    const ids: string[] = []
    const submitSome = async (count: number) => {
      for (let one = 0; one < count; one++)
        ids.push((await client.submitTask('count', { parameters: {} })).task_id)
    }
    await until('the type is known', async () => (await client.listTypes()).available_tasks.includes('count'))
    await submitSome(40)
    for (let kill = 0; kill < 2; kill++) {
      const dying = nodes.servers.shift()!
      dying.signal('SIGKILL')
      await dying.ended
      await dying[Symbol.asyncDispose]()
      await submitSome(40)
    }
    const standing = async (status: 'completed' | 'failed') => (await client.getStats()).counts[status] ?? 0
    await until('all have completed', async () => (await standing('completed')) === ids.length, 300_000)
    expect(await standing('failed')).toBe(0)
    expect(new Set(ids).size).toBe(ids.length)
    expect([...done.keys()].toSorted()).toEqual(ids.toSorted())
    over.abort()
    await Promise.all(running)
  },
)
