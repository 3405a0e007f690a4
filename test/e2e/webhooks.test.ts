import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Fermata, type DeliveryDetails } from '../../src/client/index.ts'
import { Api } from '../support/api.ts'
import { Receiver, verify } from '../support/receiver.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

let receiver: Receiver
let server: TestServer
let api: Api
let client: Fermata
beforeAll(async () => {
  receiver = await Receiver.open()
  server = await TestServer.start({ env: { FERMATA_WEBHOOK_ALLOW: '127.0.0.0/8' } })
  api = new Api(server.url)
  client = new Fermata({ url: server.url })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
})

/** A webhook at a path of its own, for tasks with a tag of its own. */
async function webhook(name: string, events = ['task.completed'] as const) {
  return client.createWebhook({ url: receiver.url(`/${name}`), events: [...events], tags: [name] })
}

async function add(tag: string, options: object = {}): Promise<string> {
  return api.submit('add', { a: 1, b: 2 }, { tags: [tag], ...options })
}

/** The newest delivery, once it is as expected. */
function delivery(id: string, status: DeliveryDetails['status'], attempts = 1): Promise<DeliveryDetails> {
  return until(`the delivery is ${status}`, async () => {
    const [newest] = (await client.listDeliveries(id)).deliveries
    return newest?.status === status && newest.attempts === attempts ? newest : undefined
  })
}

function received(path: string, count: number) {
  return until(`${count} messages at ${path}`, () => {
    const found = receiver.at(path)
    return found.length >= count ? found : undefined
  })
}

describe('a webhook', () => {
  test('is created with a secret that is never shown again, listed, replaced and deleted', async () => {
    const created = await api.post('/api/webhooks', {
      url: receiver.url('/crud'),
      events: ['task.failed'],
      types: ['none'],
    })
    expect(created.status).toBe(201)
    const { secret, id, ...details } = created.body
    expect(created.headers.get('location')).toBe(`/api/webhooks/${String(id)}`)
    expect(secret).toMatch(/^whsec_[A-Za-z\d+/]{43}=$/)
    expect(await client.getWebhook(String(id))).toEqual({ id, ...details })
    expect((await client.listWebhooks()).webhooks).toContainEqual({ id, ...details })
    const draft = { url: receiver.url('/other'), events: ['task.*'], paused: true } as const
    expect(await client.replaceWebhook(String(id), { ...draft, events: ['task.*'] })).toMatchObject({
      events: ['task.*'],
      types: null,
      paused: true,
      paused_by: 'anonymous',
    })
    await client.deleteWebhook(String(id))
    for (const call of [
      () => client.getWebhook(String(id)),
      () => client.deleteWebhook(String(id)),
      () => client.testWebhook(String(id)),
      () => client.listDeliveries(String(id)),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'WEBHOOK_UNKNOWN' })
    }
    const { entries } = await client.listAudit({ limit: 3 })
    expect(entries.map(({ action, target }) => [action, target?.id])).toEqual([
      ['webhook.delete', id],
      ['webhook.update', id],
      ['webhook.create', id],
    ])
  })

  test.each([
    [{ url: 'http://10.0.0.1/', events: ['task.*'] }, 'url', 'FERMATA_WEBHOOK_ALLOW'],
    [{ url: 'http://[::ffff:10.0.0.1]/', events: ['task.*'] }, 'url', 'must have a public address'],
    [{ url: 'ftp://example.com/', events: ['task.*'] }, 'url', 'must be an http or https URL'],
    [{ url: 'https://a:b@example.com/', events: ['task.*'] }, 'url', 'no user name and password'],
    [{ url: 'https://example.com/', events: ['task.unheard'] }, 'events.0', ''],
    [{ url: 'https://example.com/', events: [] }, 'events', ''],
    [{ events: ['task.*'] }, 'url', ''],
    [{ url: 'https://example.com/', events: ['task.*'], secret: 'mine' }, 'secret', 'unknown'],
  ])('%j is refused', async (draft, path, message) => {
    const answer = await api.post('/api/webhooks', draft)
    expect(answer.status, answer.text).toBe(422)
    expect(answer.body['errors']).toContainEqual({
      path,
      message: expect.stringContaining(message) as string,
    })
  })

  test('reports each event of a task in order, signed, without parameters or results', async () => {
    const { id, secret } = await client.createWebhook({
      url: receiver.url('/order'),
      events: ['task.*'],
      tags: ['order'],
    })
    const task = await add('order')
    const messages = await received('/order', 3)
    expect(messages.map(({ message }) => message.type)).toEqual([
      'task.submitted',
      'task.claimed',
      'task.completed',
    ])
    for (const [index, one] of messages.entries()) {
      verify(one, secret)
      expect(one.headers).toMatchObject({
        'content-type': 'application/json',
        'webhook-id': `msg_${task}_${index + 1}`,
        'user-agent': expect.stringMatching(/^Fermata\//) as string,
      })
    }
    expect(messages[2]!.message).toEqual({
      type: 'task.completed',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
      data: { task_id: task, task_type: 'add', status: 'completed', version: 3, tags: ['order'] },
    })
    const shown = await delivery(id, 'delivered')
    expect(shown).toMatchObject({
      event: 'task.completed',
      task_id: task,
      last_status: 204,
      last_error: null,
    })
    expect(shown.tries).toMatchObject([{ status: 204, error: null }])
    expect(JSON.stringify(shown)).not.toContain('the answer')
  })

  test('is signed with both secrets during a rotation', async () => {
    const { id, secret } = await webhook('rotated')
    const rotated = await client.rotateWebhookSecret(id, { overlap: '1h' })
    await client.testWebhook(id)
    const [message] = await received('/rotated', 1)
    expect(message!.message).toMatchObject({ type: 'webhook.test', data: {} })
    for (const one of [secret, rotated.secret]) verify(message!, one)
    const last = await client.rotateWebhookSecret(id)
    await client.testWebhook(id)
    const [, second] = await received('/rotated', 2)
    verify(second!, last.secret)
    expect(() => verify(second!, rotated.secret)).toThrow('No matching signature')
  })

  test('that is paused keeps its events until it is not', async () => {
    const { id } = await webhook('paused')
    const draft = { url: receiver.url('/paused'), events: ['task.completed' as const], tags: ['paused'] }
    await client.replaceWebhook(id, { ...draft, paused: true })
    const task = await add('paused')
    await api.call('GET', `/api/task/${task}/result?wait=60`)
    expect(await delivery(id, 'pending', 0)).toMatchObject({ task_id: task })
    expect(receiver.at('/paused')).toEqual([])
    await client.replaceWebhook(id, { ...draft, paused: false })
    await received('/paused', 1)
  })

  test('that is gone is disabled, and enabled by a replacement', async () => {
    receiver.replies.set('/gone', [410])
    const { id } = await webhook('gone')
    await add('gone')
    expect(await delivery(id, 'dead')).toMatchObject({ last_status: 410, next_at: null })
    const { disabled_at: at } = await until('it is disabled', async () => {
      const found = await client.getWebhook(id)
      return found.disabled_at === null ? undefined : found
    })
    expect(at).toBeGreaterThan(0)
    const missed = await add('gone')
    await api.call('GET', `/api/task/${missed}/result?wait=60`)
    const draft = { url: receiver.url('/gone'), events: ['task.completed' as const], tags: ['gone'] }
    expect(await client.replaceWebhook(id, draft)).toMatchObject({ disabled_at: null })
    const task = await add('gone')
    const [, message] = await received('/gone', 2)
    expect(message!.message.data['task_id']).toBe(task)
  })

  test('is tried again after a failure, as late as its receiver asks', async () => {
    receiver.replies.set('/busy', [{ status: 503, headers: { 'retry-after': '3600' } }])
    receiver.replies.set('/failing', [500, 'disconnect'])
    const [busy, failing] = [await webhook('busy'), await webhook('failing')]
    await add('busy')
    const task = await add('failing')
    const waits = await delivery(busy.id, 'pending')
    expect(waits).toMatchObject({ last_status: 503, last_error: 'the receiver answered 503' })
    expect(waits.next_at! - waits.tries[0]!.at).toBeGreaterThanOrEqual(3_600)
    const first = await delivery(failing.id, 'pending')
    expect(first.next_at! - first.tries[0]!.at).toBeLessThan(6)
    // The second attempt is made without a request.
    const second = await delivery(failing.id, 'pending', 2)
    expect(second).toMatchObject({ last_status: null, last_error: 'the connection was closed' })
    expect(await client.redeliver(failing.id, { delivery_id: second.id })).toEqual({ redelivered: 1 })
    await delivery(failing.id, 'delivered', 3)
    const ids = receiver.at('/failing').map(({ headers }) => headers['webhook-id'])
    expect(new Set(ids)).toEqual(new Set([`msg_${task}_3`]))
  })

  test('delivers dead events of a range again', async () => {
    receiver.always.set('/range', 410)
    const { id } = await webhook('range')
    const draft = { url: receiver.url('/range'), events: ['task.completed' as const], tags: ['range'] }
    const tasks: string[] = []
    for (let index = 0; index < 3; index++) {
      tasks.push(await add('range'))
      await delivery(id, 'dead')
      await until('it is disabled', async () => (await client.getWebhook(id)).disabled_at !== null)
      await client.replaceWebhook(id, draft)
    }
    const dead = (await client.listDeliveries(id, { status: 'dead' })).deliveries
    expect(dead.map(({ task_id: task }) => task)).toEqual(tasks.toReversed())
    receiver.always.delete('/range')
    expect(await client.redeliver(id, { after: dead[1]!.created_at })).toEqual({ redelivered: 2 })
    await received('/range', 5)
    expect(await client.redeliver(id, { after: 0 })).toEqual({ redelivered: 1 })
    await expect(client.redeliver(id, { delivery_id: '0' })).rejects.toMatchObject({
      code: 'DELIVERY_UNKNOWN',
    })
    await expect(client.redeliver(id, {})).rejects.toMatchObject({ code: 'BODY_INVALID' })
  })

  test('that does not answer delays no other one', async () => {
    receiver.always.set('/hangs', 'hang')
    await webhook('hangs')
    const other = await webhook('quick')
    const stuck = Array.from({ length: 20 }, () => add('hangs'))
    await Promise.all(stuck)
    await received('/hangs', 8)
    const task = await add('quick')
    const { tries, created_at: at } = await delivery(other.id, 'delivered')
    expect(tries[0]!.at - at).toBeLessThan(10)
    expect(receiver.at('/quick')[0]!.message.data['task_id']).toBe(task)
    expect(receiver.at('/hangs').length).toBeLessThanOrEqual(8)
  })
})

describe('a callback', () => {
  test('reports the end of its task, signed once there is a secret for callbacks', async () => {
    const callback_url = receiver.url('/callback')
    const task = await add('callback', { callback_url })
    const [message] = await received('/callback', 1)
    expect(message!.headers['webhook-signature']).toBeUndefined()
    expect(message!.message).toMatchObject({ type: 'task.completed', data: { task_id: task } })
    const { secret } = await client.rotateWebhookSecret('callbacks')
    const cancelled = await add('callback', { callback_url, delay: 3_600 })
    await client.cancelTask(cancelled)
    const [, second] = await received('/callback', 2)
    verify(second!, secret)
    expect(second!.message).toMatchObject({ type: 'task.cancelled', data: { task_id: cancelled } })
    expect(await delivery('callbacks', 'delivered')).toMatchObject({ task_id: cancelled })
    expect((await client.listWebhooks()).webhooks.map(({ id }) => id)).not.toContain('callbacks')
    await expect(client.deleteWebhook('callbacks')).rejects.toMatchObject({ code: 'WEBHOOK_UNKNOWN' })
  })

  test('to a private address is refused, alone and in a batch, and so is a changed one under the same key', async () => {
    const body = { parameters: { a: 1, b: 2 }, callback_url: 'http://192.168.0.1/' }
    const one = await api.post('/api/run/add', body)
    expect(one.status).toBe(422)
    expect(one.body['errors']).toMatchObject([{ path: 'callback_url' }])
    const batch = await api.post('/api/run/add/batch', { tasks: [body] })
    expect(batch.body['errors']).toMatchObject([{ path: 'tasks.0.callback_url' }])
    const keyed = { parameters: { a: 1, b: 2 }, idempotency_key: 'callback' }
    expect((await api.post('/api/run/add', keyed)).status).toBe(200)
    const changed = await api.post('/api/run/add', { ...keyed, callback_url: receiver.url('/x') })
    expect(changed.body['code']).toBe('IDEMPOTENCY_KEY_REUSED')
  })
})

test('metrics count attempts and pending deliveries', async () => {
  const metrics = await client.getMetrics()
  for (const line of [
    /^fermata_webhook_deliveries_total\{status="delivered"\} [1-9]/m,
    /^fermata_webhook_deliveries_total\{status="failed"\} [1-9]/m,
    /^fermata_webhook_deliveries_total\{status="dead"\} [1-9]/m,
    /^fermata_webhook_pending [1-9]/m,
  ]) {
    expect(metrics).toMatch(line)
  }
})
