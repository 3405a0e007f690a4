import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const page = readFileSync(join(root, 'docs', 'architecture.md'), 'utf8')
const walks = page
  .split(/^## /m)
  .slice(1)
  .map((section) => ({
    name: section.slice(0, section.indexOf('\n')),
    files: [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, file = '']) => file),
  }))
  .filter(({ files }) => files.length > 0)

describe('the walks through the architecture', () => {
  test('are a submit, a settlement and a pause on another node', () => {
    expect(walks.map(({ name }) => name)).toEqual(['A submit', 'A settlement', 'A pause on another node'])
  })

  test.each(walks)('$name passes through at most eight files, and all of them exist', ({ files }) => {
    expect(new Set(files).size).toBe(files.length)
    expect(files.length).toBeLessThanOrEqual(8)
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([])
  })
})
