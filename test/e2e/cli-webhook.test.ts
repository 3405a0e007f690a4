import { afterAll, beforeAll, expect, test } from 'vitest'
import { Fermata } from '../../src/client/index.ts'
import { Receiver, verify } from '../support/receiver.ts'
import { launch, run, TestServer, type Ended } from '../support/server.ts'
import { until } from '../support/until.ts'

let server: TestServer
let receiver: Receiver
beforeAll(async () => {
  receiver = await Receiver.open()
  server = await TestServer.start({ env: { FERMATA_WEBHOOK_ALLOW: '127.0.0.1' } })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
})

const fermata = (...args: string[]): Promise<Ended> => run(args, { FERMATA_URL: server.url })
const webhook = (...args: string[]) => fermata('webhook', ...args)

test('a webhook is added, tested, paused, rotated, redelivered and deleted in a pipe', async () => {
  expect((await webhook('list')).stderr).toContain('No webhooks.')
  const added = await webhook('add', receiver.url('/cli'), '--event', 'task.completed', '--tag', 'cli')
  expect(added).toMatchObject({ code: 0, stdout: expect.stringMatching(/^whsec_\S+\n$/) as string })
  const id = (await webhook('list', '-q')).stdout.trim()
  expect((await webhook('list')).stdout).toMatch(/task\.completed +active/)
  expect((await webhook('show', id)).stdout).toMatch(/Types +all/)
  expect((await webhook('pause', id)).stdout).toBe(`Paused ${id}.\n`)
  expect((await webhook('show', id)).stdout).toContain('paused by anonymous')
  await webhook('resume', id)
  expect((await webhook('test', id)).stdout).toMatch(/^Delivery \d+ is due\.\n$/)
  await until('the test has arrived', () => receiver.at('/cli').length === 1)
  verify(receiver.at('/cli')[0]!, added.stdout.trim())
  const listed = () => webhook('deliveries', id, '--status', 'delivered')
  await until('it is recorded', async () => /webhook\.test +delivered/.test((await listed()).stdout))
  const delivery = (await webhook('deliveries', id, '-q')).stdout.trim()
  const rotated = await webhook('rotate', id, '--overlap', '1h')
  expect((await webhook('redeliver', id, delivery)).stdout).toBe('1 delivery is due.\n')
  await until('it has arrived again', () => receiver.at('/cli').length === 2)
  for (const { stdout } of [added, rotated]) verify(receiver.at('/cli')[1]!, stdout.trim())
  expect((await webhook('redeliver', id, '--after', '1h')).stdout).toBe('0 deliveries are due.\n')
  expect((await webhook('delete', id)).stdout).toBe(`Deleted ${id}.\n`)
  expect(await webhook('show', id)).toMatchObject({ code: 1, stdout: '' })
})

test('mistakes name their remedy', async () => {
  for (const [args, reason] of [
    [['make'], 'choose one of add, list'],
    [['add'], 'webhook add needs a URL'],
    [['add', 'http://10.0.0.1/'], 'FERMATA_WEBHOOK_ALLOW'],
    [['add', 'https://example.com/', '--event', 'unheard'], 'events'],
    [['redeliver', 'id'], 'ids of deliveries or --after'],
    [['show'], 'webhook show needs the id of a webhook'],
  ] as const) {
    const { code, stderr } = await webhook(...args)
    expect([code === 0, stderr]).toEqual([false, expect.stringContaining(reason) as string])
  }
})

test('run reports the end of its task to a URL', async () => {
  const url = receiver.url('/run')
  const { stdout } = await fermata('run', 'add', '--a', '1', '--b', '2', '--callback-url', url)
  await until('it has arrived', () => receiver.at('/run').length === 1)
  expect(receiver.at('/run')[0]!.message.data['task_id']).toBe(stdout.trim())
})

test('listen prints events as they come', async () => {
  const { child, ended } = launch({ FERMATA_URL: server.url }, [
    'listen',
    '--type',
    'add',
    '--event',
    'task.completed',
  ])
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk: string) => (out += chunk))
  child.stderr.on('data', (chunk: string) => (err += chunk))
  await until('it listens', () => err.includes('Listening to'))
  const client = new Fermata({ url: server.url })
  const { task_id: id } = await client.submitTask('add', { parameters: { a: 1, b: 2 } })
  await client.submitTask('fib', { parameters: { n: 5 } })
  await until('the event is printed', () => out.includes(id))
  expect(out.trim().split('\n')).toEqual([
    expect.stringContaining(`${id}  add  completed -> completed`) as string,
  ])
  child.kill('SIGINT')
  await ended
})
