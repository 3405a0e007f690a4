import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

/** The verbs that the port declares. */
const port = read('src/store/store.ts')
const declared = port.slice(port.indexOf('export interface Store'), port.indexOf('\n}\n'))
const verbs = [...declared.matchAll(/^ {2}(\w+)\(/gm)].map(([, verb = '']) => verb)

const root = new URL('../src/', import.meta.url).pathname
const outside = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .filter((path) => !path.startsWith('store/') && !path.startsWith('testing/'))
  .map((path) => readFileSync(join(root, path), 'utf8'))
  .join('\n')

test.each(verbs)('%s has a caller in production', (verb) => {
  expect(outside).toMatch(new RegExp(`\\b[sS]tore\\??\\.${verb}\\(`))
})

test('ADR 17 states the number of verbs in the port', () => {
  expect(verbs.length).toBeGreaterThan(20)
  expect(read('docs/adr/0017-one-command-engine.md')).toContain(`The port has ${verbs.length} verbs`)
})
