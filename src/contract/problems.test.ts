import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import * as errors from '../core/errors.ts'
import { clientErrors, isProblemCode, problems, taskErrors } from './problems.ts'

/** Passes for most kinds of argument, a text too. */
const any = Object.assign([], { toWellFormed: () => '' })

/** Made with arguments that mean nothing: only the codes matter. */
function codesOfTheFamily(): Map<string, string> {
  const codes = new Map<string, string>()
  for (const [name, value] of Object.entries(errors)) {
    if (typeof value !== 'function' || !(value.prototype instanceof errors.TaskError)) continue
    const Made = value as unknown as new (...values: unknown[]) => errors.TaskError
    codes.set(name, codeOf(() => new Made(any, any, any, any)) ?? new Made('', '', '', '').code)
  }
  return codes
}

function codeOf(make: () => errors.TaskError): string | undefined {
  try {
    return make().code
  } catch {
    return undefined
  }
}

test('every error of the family is a problem or a code of a task, never both', () => {
  const codes = codesOfTheFamily()
  expect(codes.size).toBeGreaterThanOrEqual(15)
  for (const [name, code] of codes) {
    const places = [isProblemCode(code), Object.hasOwn(taskErrors, code)].filter(Boolean)
    expect(places, `${name} (${code}) needs one entry in contract/problems.ts`).toHaveLength(1)
  }
})

test('a code means one thing: none of the client is one of the server or of a task', () => {
  const others = { ...problems, ...taskErrors }
  expect(Object.keys(clientErrors).filter((code) => Object.hasOwn(others, code))).toEqual([])
})

test('every error code in the source is documented', () => {
  const src = join(import.meta.dirname, '..')
  const found = new Set<string>()
  for (const file of globSync('{cluster,core,engine,execution,journal,registry,scheduling,store}/**/*.ts', {
    cwd: src,
  })) {
    if (file.endsWith('.test.ts')) continue
    const text = readFileSync(join(src, file), 'utf8')
    for (const [, code = ''] of text.matchAll(/\bcode\b(?: =|:) '([A-Z][A-Z_0-9]*)'/g)) found.add(code)
  }
  expect(found.size).toBeGreaterThan(25)
  for (const code of ['POISON', 'TIMEOUT', 'OUT_OF_MEMORY', 'EXITED']) expect(found).toContain(code)
  const known = { ...problems, ...taskErrors, ...clientErrors }
  expect([...found].filter((code) => !Object.hasOwn(known, code))).toEqual([])
})

test('codes are upper case, statuses are errors, and every 503 and 429 says when to retry', () => {
  for (const [code, { status, ...kind }] of Object.entries(problems)) {
    expect(code).toMatch(/^[A-Z][A-Z_]*$/)
    expect(status).toBeGreaterThanOrEqual(400)
    expect('retryAfter' in kind, code).toBe(status === 503 || status === 429)
  }
})

test('a property of the prototype is not a code', () => {
  expect(isProblemCode('constructor')).toBe(false)
})
