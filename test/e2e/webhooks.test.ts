import type { IncomingMessage, RequestListener } from 'node:http'
import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Fermata } from '../../src/client/index.ts'
import { Receiver } from '../support/receiver.ts'
import { samplesOf } from '../support/prometheus.ts'
import { run, TestServer, type Ended } from '../support/server.ts'
import { until } from '../support/until.ts'

const env = { FERMATA_WEBHOOK_ALLOW: '127.0.0.0/8' }

let receiver: Receiver
beforeEach(async () => {
  receiver = await Receiver.start()
})
afterEach(() => receiver[Symbol.asyncDispose]())

describe('a server', () => {
  let server: TestServer
  let client: Fermata
  beforeAll(async () => {
    server = await TestServer.start({ env })
    client = new Fermata({ url: server.url })
  })
  afterAll(() => server[Symbol.asyncDispose]())

  const fermata = (...args: string[]): Promise<Ended> => run(args, { FERMATA_URL: server.url })
  const statusOf = (status: number) => (_: IncomingMessage, response: Parameters<RequestListener>[1]) =>
    void response.writeHead(status).end()

  test('tells a webhook of what happens, with signatures that the library verifies', async () => {
    const hook = await client.createWebhook({ url: `${receiver.url}/a`, events: ['task.*'], types: ['add'] })
    expect(hook.secret).toMatch(/^whsec_[A-Za-z0-9+/=]{32}$/)
    expect(await client.getWebhook(hook.id)).not.toHaveProperty('secret')
    const task = await client.submit('add', { a: 1, b: 2 }, { tags: ['x'] })
    await client.submit('fib', { n: 1 })
    const told = () => [...new Set(receiver.messages.map(({ type }) => type))]
    await until('three messages came', () => told().length === 3)
    expect(told()).toEqual(['task.queued', 'task.running', 'task.completed'])
    expect(receiver.messages.every(({ data }) => data['task_id'] === task.id)).toBe(true)
    const last = receiver.received.at(-1)!
    expect(new Webhook(hook.secret).verify(last.body, last.headers)).toMatchObject({
      type: 'task.completed',
      data: { task_id: task.id, task_type: 'add', status: 'completed', version: 3, tags: ['x'] },
    })
    expect(last.headers['webhook-id']).toBe(`msg_${task.id}_3`)
    const { secret } = await client.rotateWebhook(hook.id, { overlap: '1h' })
    await client.testWebhook(hook.id)
    await until('the test came', () => receiver.messages.at(-1)?.type === 'webhook.test')
    const tested = receiver.received.at(-1)!
    for (const one of [hook.secret, secret]) new Webhook(one).verify(tested.body, tested.headers)
    await client.deleteWebhook(hook.id)
    await expect(client.getWebhook(hook.id)).rejects.toMatchObject({ code: 'WEBHOOK_UNKNOWN' })
  })

  test('tells a callback of the end of its task, signed once there is a secret', async () => {
    const callback_url = `${receiver.url}/done?token=abc`
    const one = await client.submit('add', { a: 1, b: 2 }, { callback_url })
    await until('it came', () => receiver.of(one.id).length > 0)
    expect(receiver.received[0]).toMatchObject({ path: '/done?token=abc' })
    expect(receiver.received[0]!.headers).not.toHaveProperty('webhook-signature')
    const { secret } = await client.rotateWebhook('callbacks')
    const failing = await client.submit('fib', { n: 1 }, { callback_url, delay: 60 })
    await client.cancelTask(failing.id)
    await until('it came', () => receiver.of(failing.id).length > 0)
    const { body, headers } = receiver.received.at(-1)!
    expect(new Webhook(secret).verify(body, headers)).toMatchObject({ type: 'task.cancelled' })
    await until('both are recorded', async () =>
      (await client.listDeliveries('callbacks')).deliveries.every(({ status }) => status === 'delivered'),
    )
    const { deliveries } = await client.listDeliveries('callbacks')
    expect(deliveries.map(({ task_id }) => task_id)).toEqual([failing.id, one.id])
    await expect(client.deleteWebhook('callbacks')).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
  })

  test('tries again, shows the attempts, and repeats what is dead', async () => {
    // The second attempt has no answer until the test has seen the first.
    const held: Parameters<RequestListener>[1][] = []
    receiver.answer = (_, response) => {
      if (receiver.received.length === 1) response.writeHead(503).end()
      else held.push(response)
    }
    const hook = await client.createWebhook({
      url: receiver.url,
      events: ['task.completed'],
      tags: ['again'],
    })
    const task = await client.submit('add', { a: 1, b: 2 }, { tags: ['again'] })
    const deliveries = async () => (await client.listDeliveries(hook.id)).deliveries
    // On a busy machine, the second attempt may be over as well.
    await until('it failed once', async () => ((await deliveries())[0]?.attempts ?? 0) > 0)
    const [first] = await deliveries()
    expect(first).toMatchObject({ task_id: task.id, status: 'pending' })
    expect(first!.history[0]).toMatchObject({ status: 503, error: 'the receiver answered 503' })
    await expect(client.redeliver(hook.id, { delivery_id: first!.id })).rejects.toMatchObject({
      code: 'DELIVERY_UNKNOWN',
    })
    receiver.answer = statusOf(204)
    for (const response of held) response.writeHead(204).end()
    await until('it was delivered', async () => (await deliveries())[0]?.status === 'delivered')
    const again = await client.redeliver(hook.id, { delivery_id: first!.id })
    expect(again).toEqual({ redelivered: 1 })
    await until('it came again', async () => {
      const { status, history } = (await deliveries())[0]!
      return status === 'delivered' && history.filter((one) => one.status === 204).length === 2
    })
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    await client.deleteWebhook(hook.id)
  })

  test('ends a webhook whose receiver is gone, and starts it again when asked', async () => {
    receiver.answer = statusOf(410)
    const hook = await client.createWebhook({ url: receiver.url, events: ['task.completed'] })
    await client.submit('add', { a: 1, b: 2 })
    await until('it is paused', async () => (await client.getWebhook(hook.id)).paused)
    expect(await client.getWebhook(hook.id)).toMatchObject({
      paused_reason: 'delivery: the receiver answered 410 Gone',
      dead: 1,
      pending: 0,
    })
    const unheard = await client.submit('add', { a: 2, b: 2 })
    await unheard.result()
    receiver.answer = statusOf(200)
    const { url, events } = hook
    await client.replaceWebhook(hook.id, { url, events, paused: false })
    expect(await client.redeliver(hook.id, { after: 0 })).toEqual({ redelivered: 1 })
    const heard = await client.submit('add', { a: 3, b: 2 })
    await until('both came', () => receiver.received.length >= 3 && receiver.of(heard.id).length > 0)
    expect(receiver.of(unheard.id)).toEqual([])
    expect(receiver.of(heard.id)).not.toEqual([])
    await client.deleteWebhook(hook.id)
  })

  test('is not held up by a receiver that does not answer', async () => {
    let [open, mostOpen] = [0, 0]
    receiver.answer = (_, response) => {
      mostOpen = Math.max(mostOpen, ++open)
      response.on('close', () => (open -= 1))
    }
    await using other = await Receiver.start()
    const hanging = await client.createWebhook({ url: receiver.url, events: ['task.*'] })
    const quick = await client.createWebhook({ url: other.url, events: ['task.*'] })
    const { task_ids: ids } = await client.submitBatch(
      'add',
      Array.from({ length: 100 }, (_, a) => ({ parameters: { a, b: 1 } })),
    )
    // Each at least once: on a busy machine, an answer may come too late.
    const versionsOf = (id: string) => [...new Set(other.of(id).map(({ data }) => data['version']))]
    await until('the quick one has all', () => ids.every((id) => versionsOf(id).length === 3))
    for (const id of ids) expect(versionsOf(id)).toEqual([1, 2, 3])
    expect(mostOpen).toBeGreaterThan(0)
    expect(mostOpen).toBeLessThanOrEqual(10)
    await client.deleteWebhook(hanging.id)
    await client.deleteWebhook(quick.id)
  })

  test('refuses what webhooks may not reach, at once or when it resolves', async () => {
    for (const url of [
      'http://10.0.0.1/',
      'http://[::1]/',
      'ftp://127.0.0.1/',
      'http://a:b@127.0.0.1/',
      'x',
    ]) {
      await expect(client.createWebhook({ url, events: ['task.*'] })).rejects.toMatchObject({
        code: 'OPTIONS_INVALID',
      })
      await expect(client.submit('add', { a: 1, b: 2 }, { callback_url: url })).rejects.toMatchObject({
        code: 'OPTIONS_INVALID',
      })
      const schedule = {
        type: 'add',
        parameters: { a: 1, b: 2 },
        every: '1h',
        options: { callback_url: url },
      }
      const fault = { code: 'OPTIONS_INVALID', errors: [{ path: 'callback_url' }] }
      await expect(client.createSchedule(schedule)).rejects.toMatchObject(fault)
      await expect(client.previewSchedule(schedule)).rejects.toMatchObject(fault)
    }
  })

  test('tells the callback of a schedule of the end of each of its tasks', async () => {
    const url = `${receiver.url}/nightly?token=abc`
    const parameters = { a: 1, b: 2 }
    const added = await fermata(
      'schedule',
      'add',
      'add',
      '--every',
      '24h',
      '--id',
      'nightly',
      '--parameters',
      JSON.stringify(parameters),
      '--callback-url',
      url,
    )
    expect(added.code, added.stderr).toBe(0)
    expect((await client.getSchedule('nightly')).options).toEqual({ callback_url: url })
    const { task_id: first } = await client.runSchedule('nightly')
    await until('the end of the first came', () => receiver.of(first).length > 0)
    expect(receiver.received[0]!.path).toBe('/nightly?token=abc')
    const every = { type: 'add', parameters, every: '24h' }
    const forbidden = { ...every, options: { callback_url: 'http://10.0.0.1/' } }
    await expect(client.replaceSchedule('nightly', forbidden)).rejects.toMatchObject({
      errors: [{ path: 'callback_url', message: expect.stringContaining('FERMATA_WEBHOOK_ALLOW') }],
    })
    await client.replaceSchedule('nightly', { ...every, options: { callback_url: `${receiver.url}/other` } })
    const { task_id: second } = await client.runSchedule('nightly')
    await until('the end of the second came', () => receiver.of(second).length > 0)
    expect(receiver.received.find(({ body }) => body.includes(second))!.path).toBe('/other')
    await client.deleteSchedule('nightly')
  })

  test('counts deliveries in its metrics', async () => {
    const read = async () => samplesOf(await (await fetch(`${server.url}/metrics`)).text())
    // Those of deleted webhooks are gone, too.
    await until('nothing is pending', async () => (await read()).get('fermata_webhook_pending') === 0)
    const samples = await read()
    expect(samples.get('fermata_webhook_deliveries_total{status="delivered"}')).toBeGreaterThan(300)
    expect(samples.get('fermata_webhook_deliveries_total{status="retried"}')).toBeGreaterThan(0)
    expect(samples.get('fermata_webhook_deliveries_total{status="dead"}')).toBe(1)
  })

  test('has commands for all of it, in a pipe', async () => {
    expect((await fermata('webhook')).stdout).toMatch(/^ID .*EVENTS/)
    const created = await fermata('webhook', 'create', receiver.url, '--event', 'task.completed', '-q')
    expect(created.stdout).toMatch(/^whsec_/)
    const id = (await fermata('webhook', 'list', '-q')).stdout
      .split('\n')
      .find((line) => line.startsWith('wh_'))!
    expect((await fermata('webhook', 'show', id)).stdout).toContain('task.completed')
    expect((await fermata('webhook', 'pause', id, '--reason', 'maintenance')).stdout).toContain(
      'paused by anonymous: maintenance',
    )
    const out = await fermata('run', 'add', '--a', '1', '--b', '2', '--callback-url', `${receiver.url}/cb`)
    expect(out.code).toBe(0)
    await until('the callback came', () => receiver.received.some(({ path }) => path === '/cb'))
    expect((await fermata('webhook', 'resume', id)).stdout).toContain('active')
    await until('the webhook has it too', () => receiver.received.some(({ path }) => path === '/'))
    expect((await fermata('webhook', 'test', id)).stdout).toMatch(/^Sending msg_test_\d+, delivery \d+\.\n$/)
    await until('both were delivered', async () =>
      (await client.listDeliveries(id)).deliveries.every(({ status }) => status === 'delivered'),
    )
    const listed = (await fermata('webhook', 'deliveries', id, '--status', 'delivered')).stdout
    expect(listed).toMatch(/webhook\.test .*delivered/)
    const [newest] = (await client.listDeliveries(id)).deliveries
    expect((await fermata('webhook', 'redeliver', id, newest!.id)).stdout).toBe('Sending 1 message again.\n')
    expect((await fermata('webhook', 'redeliver', id, '--after', '1h')).stdout).toBe(
      'Sending 0 messages again.\n',
    )
    expect((await fermata('webhook', 'rotate', id, '-q')).stdout).toMatch(/^whsec_/)
    expect((await fermata('webhook', 'delete', id)).stdout).toBe(`Deleted ${id}.\n`)
    for (const [args, reason] of [
      [['create', receiver.url], 'needs --event'],
      [['create'], 'needs one URL'],
      [['show'], 'needs the id of a webhook'],
      [['fly'], 'unknown action fly'],
      [['redeliver', id], 'a delivery or --after or --before'],
    ] as const) {
      const { code, stderr } = await fermata('webhook', ...args)
      expect(stderr).toContain(reason)
      expect(code).not.toBe(0)
    }
  })
})

test('no message is lost when the server is killed, whatever it is doing', async () => {
  let server = await TestServer.start({ env })
  const { directory } = server
  try {
    const expected = new Set<string>()
    let first = true
    for (const milliseconds of [0, 5, 20, 60, 150, 400]) {
      const client = new Fermata({ url: server.url, patience: 0 })
      if (first) await client.createWebhook({ url: receiver.url, events: ['task.*'], types: ['add'] })
      first = false
      const submits = Promise.allSettled(
        Array.from({ length: 40 }, async (_, a) => {
          const callback_url = `${receiver.url}/cb`
          const { id } = await client.submit('add', { a, b: 1 }, { callback_url })
          expected.add(id)
        }),
      )
      const before = expected.size
      await until('some were accepted', () => expected.size >= before + 8)
      await new Promise((resolve) => setTimeout(resolve, milliseconds))
      server.signal('SIGKILL')
      await server.ended
      await submits
      server = await TestServer.start({ env, directory })
    }
    const ends = (id: string, path: string) =>
      receiver.received.filter(
        ({ path: at, body }) =>
          // A task that was lost several times may have failed.
          at === path && body.includes(id) && /"task\.(?:completed|failed)"/.test(body),
      ).length
    await until('each end was told, to both', () =>
      [...expected].every((id) => ends(id, '/') >= 1 && ends(id, '/cb') >= 1),
    )
    expect(expected.size).toBeGreaterThan(47)
    // In the order of the task, apart from repeats.
    for (const id of expected) {
      const versions = receiver.received
        .filter(({ path, body }) => path === '/' && body.includes(id))
        .map(({ body }) => (JSON.parse(body) as { data: { version: number } }).data.version)
      const news = versions.filter((version, index) => versions.indexOf(version) === index)
      expect(news).toEqual(news.toSorted((a, b) => a - b))
    }
  } finally {
    await server[Symbol.asyncDispose]()
  }
})
