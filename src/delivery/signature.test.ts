import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { newSecret, signatureOf } from './signature.ts'

const body = '{"type":"task.completed","data":{"tags":["ä 語"]}}'

test('the reference implementation verifies signatures, with each of two secrets', () => {
  const [first, second] = [newSecret(), newSecret()]
  const timestamp = Math.floor(Date.now() / 1_000)
  const headers = {
    'webhook-id': 'msg_task_1',
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatureOf({ id: 'msg_task_1', timestamp, body }, [first, second]),
  }
  for (const secret of [first, second]) {
    expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body))
    expect(() => new Webhook(secret).verify(`${body} `, headers)).toThrow('No matching signature')
  }
  expect(() => new Webhook(newSecret()).verify(body, headers)).toThrow('No matching signature')
})

test('signatures are those of the reference implementation', () => {
  const secret = newSecret()
  const now = new Date(1_764_000_000_000)
  const signed = signatureOf({ id: 'msg_task_1', timestamp: 1_764_000_000, body }, [secret])
  expect(signed).toBe(new Webhook(secret).sign('msg_task_1', now, body))
})
