import { expect, test } from 'vitest'
import { withoutPassword } from './secrets.ts'

test.each([
  ['postgres://me:s3cret@host/db', 'postgres://me:***@host/db'],
  ['postgres://u:s3@cret@host/db', 'postgres://u:***@host/db'],
  ['postgres://u:s3/cret@host/db', 'postgres://u:***@host/db'],
  ['postgres://u:1#s3cret@host/db', 'postgres://u:***@host/db'],
  ['postgres://u:1?s3cret@host/db', 'postgres://u:***@host/db'],
  ['postgres://u/s3cret@host', 'postgres://u:***@host'],
  ['postgres://:s3cret@host', 'postgres://:***@host'],
  ['postgres://u:a:s3cret@one:5432,two/db', 'postgres://u:***@one:5432,two/db'],
  ['mysql://me:s3cret@host/db', 'mysql://me:***@host/db'],
  ['postgresql+asyncpg://me:s3cret@host', 'postgresql+asyncpg://me:***@host'],
  ['me:s3cret@tcp(host:3306)/db', 'me:***@tcp(host:3306)/db'],
  ['postgres:me:s3cret@host', 'postgres:***@host'],
  ['postgres://me:s3cret', 'postgres://me:***'],
  ['"postgres://me:s3cret@host"', '"postgres:***@host"'],
  [' postgres://me:s3cret@host', ' postgres:***@host'],
  ['postgres://host/db?user=me&password=s3cret&schema=x', 'postgres://host/db?user=me&password=***&schema=x'],
  [
    'postgres://host/db?sslmode=require&sslpassword=s3cret',
    'postgres://host/db?sslmode=require&sslpassword=***',
  ],
  ["host=h password='s3cret s3cret' user=me", 'host=h password=*** user=me'],
  ['host=h password=s3cret user=me', 'host=h password=*** user=me'],
  ['jdbc:postgresql://h/db?user=me&PASSWORD=s3cret', 'jdbc:postgresql://h/db?user=me&PASSWORD=***'],
])('%s shows no secret', (address, shown) => {
  expect(withoutPassword(address)).toBe(shown)
  expect(withoutPassword(address)).not.toMatch(/s3|cret/)
})

test.each([
  'postgres://me@host:5432/db?schema=x',
  'postgres://one:5432,[::1]:5433/db',
  'sqlite:./a@b:c.db',
  'sqlite::memory:',
  'http://localhost:8000',
])('%s has none and stays as it is', (address) => {
  expect(withoutPassword(address)).toBe(address)
})
