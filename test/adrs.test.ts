import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const folder = join(import.meta.dirname, '..', 'docs', 'adr')

test('each ADR has a number of its own, which its title has too', () => {
  const names = readdirSync(folder).filter((name) => name.endsWith('.md'))
  const numbers = names.map((name) => Number(name.slice(0, 4)))
  // Numbers are given out before their pages are written, so some may be missing.
  expect(numbers.length).toBeGreaterThan(40)
  expect(new Set(numbers).size).toBe(numbers.length)
  for (const [index, name] of names.entries()) {
    expect(readFileSync(join(folder, name), 'utf8'), name).toMatch(new RegExp(`^# ${numbers[index]}\\. `))
  }
})
