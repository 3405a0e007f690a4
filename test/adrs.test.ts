import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const folder = join(import.meta.dirname, '..', 'docs', 'adr')

test('the ADRs are numbered without gaps, and their titles bear their numbers', () => {
  const names = readdirSync(folder).filter((name) => name.endsWith('.md'))
  const numbers = names.map((name) => Number(name.slice(0, 4)))
  expect(numbers).toEqual(numbers.map((_, index) => index + 1))
  for (const [index, name] of names.entries()) {
    expect(readFileSync(join(folder, name), 'utf8'), name).toMatch(new RegExp(`^# ${index + 1}\\. `))
  }
})
