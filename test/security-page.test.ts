import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { auditActions } from '../src/core/audit.ts'

const root = join(import.meta.dirname, '..')
const page = readFileSync(join(root, 'docs/security.md'), 'utf8')

test('the security page names every action of the audit log', () => {
  expect(auditActions.filter((action) => !page.includes(`\`${action}\``))).toEqual([])
})

test('each of the ten risks has a test that exists', () => {
  const rows = page.split('\n').filter((line) => /^\| \d+ /.test(line))
  expect(rows).toHaveLength(10)
  for (const row of rows) {
    const files = [...row.matchAll(/`([\w/.-]+\.test\.ts)`/g)].map(([, file = '']) => file)
    expect(files.length, row).toBeGreaterThan(0)
    for (const file of files) expect(existsSync(join(root, file)), file).toBe(true)
  }
})
