import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { nameFault } from '../src/core/keys.ts'

const docs = join(import.meta.dirname, '../docs')

test('the commands in the docs create keys whose names are allowed', () => {
  const pages = readdirSync(docs).filter((name) => name.endsWith('.md'))
  const text = pages.map((name) => readFileSync(join(docs, name), 'utf8')).join('\n')
  const names = [...text.matchAll(/fermata keys create ([a-z][\w-]*)/g)].map(([, name = '']) => name)
  expect(names.length).toBeGreaterThan(2)
  for (const name of names) expect(nameFault(name), name).toBeUndefined()
})
