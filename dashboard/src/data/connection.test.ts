import { expect, test } from 'vitest'
import { FermataError } from '../../../src/client/index.ts'
import { Connection } from './connection.ts'

test('listeners are notified once when the server is back', () => {
  const connection = new Connection()
  let back = 0
  connection.onBack(() => (back += 1))
  connection.answered()
  connection.failed(new FermataError('SERVER_UNREACHABLE', 'nobody listens'))
  connection.failed(new FermataError('NOT_READY', 'starting', { status: 503 }))
  expect(connection.isAway()).toBe(true)
  connection.answered()
  connection.answered()
  expect(connection.isAway()).toBe(false)
  expect(back).toBe(1)
})

test('a refusal also shows that the server responds', () => {
  const connection = new Connection()
  connection.failed(new FermataError('SERVER_UNREACHABLE', 'nobody listens'))
  connection.failed(new FermataError('TASK_UNKNOWN', 'no such task', { status: 404 }))
  expect(connection.isAway()).toBe(false)
})
