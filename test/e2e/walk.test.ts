import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'

/** Every command of the API walkthrough, and the response that the page shows. */
const page = readFileSync(join(import.meta.dirname, '../../docs/api.md'), 'utf8')
const steps = [...page.matchAll(/```sh\n(.*?)```\n\n```(json|text)\n(.*?)```/gs)].map(
  ([, command = '', kind = '', answer = '']) => ({ command, kind, answer }),
)

let server: TestServer
beforeAll(async () => {
  server = await TestServer.start()
})
afterAll(() => server[Symbol.asyncDispose]())

/** Values of `$ID`, `$CURSOR` and `$OPERATION`, from the last response that had one. */
const known: Record<string, string> = {}

test('the page has a command in each block, and a response to each', () => {
  expect(steps.length).toBeGreaterThan(20)
  expect(page.match(/```sh\n/g)).toHaveLength(steps.length)
})

describe('the API walkthrough', () => {
  test.each(steps)('$command', async ({ command, kind, answer }) => {
    const { stdout } = await promisify(execFile)(
      'sh',
      ['-c', command.replaceAll('localhost:8000', hostOf(server))],
      {
        env: { PATH: process.env['PATH'], ...known },
      },
    )
    if (kind === 'text') {
      expectLines(stdout, answer)
      return
    }
    const actual = JSON.parse(stdout) as Record<string, unknown>
    remember(actual)
    expect(differences(actual, JSON.parse(answer), '$'), stdout).toEqual([])
  })

  test('detects a response that has changed', () => {
    const wanted = { a: 1, b: ['...'], c: { d: '...', '...': '...' } }
    expect(differences({ a: 1, b: [2], c: { d: 3, e: 4 } }, wanted, '$')).toEqual([])
    expect(differences({ a: 2, b: [2, 3], c: { e: 4 }, f: 5 }, wanted, '$')).toEqual([
      '$.a',
      '$.b',
      '$.c.d',
      '$.f',
    ])
  })
})

function hostOf({ url }: TestServer): string {
  return new URL(url).host
}

function remember(answer: Record<string, unknown>): void {
  for (const [name, key] of [
    ['ID', 'task_id'],
    ['CURSOR', 'next_cursor'],
    ['OPERATION', 'operation_id'],
  ] as const) {
    const value = answer[key]
    if (typeof value === 'string') known[name] = value
  }
}

/** Paths at which the response differs from the page. */
function differences(actual: unknown, wanted: unknown, path: string): string[] {
  if (wanted === '...') return actual === undefined ? [path] : []
  if (Array.isArray(wanted)) {
    if (!Array.isArray(actual) || actual.length !== wanted.length) return [path]
    return wanted.flatMap((part, index) => differences(actual[index], part, `${path}.${index}`))
  }
  if (typeof wanted !== 'object' || wanted === null) return actual === wanted ? [] : [path]
  if (typeof actual !== 'object' || actual === null) return [path]
  const { '...': more, ...fields } = wanted as Record<string, unknown>
  const named = Object.entries(fields).flatMap(([key, part]) =>
    differences((actual as Record<string, unknown>)[key], part, `${path}.${key}`),
  )
  const others = Object.keys(actual).filter((key) => more === undefined && !Object.hasOwn(fields, key))
  return [...named, ...others.map((key) => `${path}.${key}`)]
}

/** The response contains the lines of the page, in this order. */
function expectLines(actual: string, wanted: string): void {
  const lines = actual.split('\n')
  let from = 0
  for (const line of wanted.trim().split('\n')) {
    const literal = line.split('...').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
    const pattern = new RegExp(`^${literal.join('.*')}$`)
    const found = lines.findIndex((each, index) => index >= from && pattern.test(each))
    expect(found, `${line}\nin\n${actual}`).toBeGreaterThanOrEqual(from)
    from = found + 1
  }
}
