import { expect, test } from 'vitest'
import { StoreUnavailable } from '../../core/errors.ts'
import { addressOf, nameOf } from './address.ts'

test('an address is taken as it is', () => {
  for (const url of ['postgres://localhost', 'postgresql://ada:p%40ss@db:5433/tasks?sslmode=require']) {
    expect(addressOf(url)).toEqual({ servers: [url] })
  }
})

test('each server gets a connection string of its own', () => {
  expect(
    addressOf(
      'postgres://ada:p%40ss@one:5432,two,[::1]:5433/tasks?target_session_attrs=read-write&sslmode=require',
    ),
  ).toEqual({
    servers: ['one:5432', 'two', '[::1]:5433'].map(
      (host) => `postgres://ada:p%40ss@${host}/tasks?sslmode=require`,
    ),
  })
})

test('what is ours does not reach the driver', () => {
  expect(addressOf('postgres://one,two?schema=mine&lease=2.5')).toEqual({
    servers: ['postgres://one', 'postgres://two'],
    schema: 'mine',
    lease: 2_500,
  })
})

test.each(['lease=0', 'lease=soon', 'lease=3601', 'target_session_attrs=standby'])(
  '%s is refused',
  (setting) => {
    expect(() => addressOf(`postgres://one/db?${setting}`)).toThrow(StoreUnavailable)
  },
)

test('a server is named without what is secret', () => {
  expect(nameOf('postgres://ada:secret@one:5432/tasks?password=secret')).toBe('one:5432')
})
