import { expect, test } from 'vitest'
import { addressOf, databaseNameOf, nameOf } from './address.ts'
import { clientOf } from './client.ts'
import { channelOf } from './signals.ts'

test('an address is used unchanged', () => {
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

test('our own options are not passed to the driver', () => {
  expect(addressOf('postgres://one,two?schema=mine&lease=2.5')).toEqual({
    servers: ['postgres://one', 'postgres://two'],
    schema: 'mine',
    lease: 2_500,
  })
})

test('special characters in parts are encoded for the driver', () => {
  expect(addressOf('postgres://ada:p@ss+1@one/a%2Fb%3Fc%23d?application_name=a+b')).toEqual({
    servers: ['postgres://ada:p%40ss%2B1@one/a%2Fb%3Fc%23d?application_name=a%2Bb'],
  })
})

test('a database name is decoded completely', () => {
  expect(databaseNameOf('postgres://ada:p%40ss@one/a%2Fb%3Fc%23d')).toBe('a/b?c#d')
  expect(databaseNameOf('postgres://one')).toBeUndefined()
  expect(databaseNameOf('postgres://one/?sslmode=require')).toBeUndefined()
})

test('a client requests that database and the options of the address', () => {
  const { servers } = addressOf('postgres://ada:p@ss@[::1]:5433/a%2Fb%3Fc%23d?ssl=no-verify')
  const client = clientOf(servers[0]!, { application_name: 'fermata' })
  expect(client).toMatchObject({
    user: 'ada',
    password: 'p@ss',
    host: '::1',
    port: 5_433,
    database: 'a/b?c#d',
  })
  expect(client.ssl).toEqual({ rejectUnauthorized: false })
})

test('a server is named without secrets', () => {
  expect(nameOf('postgres://ada:secret@one:5432/tasks?password=secret')).toBe('one:5432')
})

test('channel names are never truncated, and each schema has its own', () => {
  expect(channelOf('mine')).toBe('fermata_mine')
  const channels = ['é'.repeat(31), 's'.repeat(63), `${'s'.repeat(62)}t`].map(channelOf)
  expect(new Set(channels).size).toBe(3)
  for (const channel of channels) expect(Buffer.byteLength(channel)).toBeLessThanOrEqual(63)
})
