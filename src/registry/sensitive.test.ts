import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { pointerText } from '../core/redaction.ts'
import { defineCommand } from './command.ts'
import { defineTask } from './define.ts'
import type { SensitiveOption } from './sensitive.ts'

const Node = z.object({
  secret: z.string(),
  get children() {
    return z.array(Node)
  },
})
const parameters = z.object({
  user: z.string(),
  password: z.string().min(8).describe('Of the user'),
  card: z.object({ number: z.number(), 'cvc/2': z.string() }).optional(),
  logins: z.array(z.object({ user: z.string(), password: z.string() })),
  headers: z.record(z.string(), z.string()),
  pair: z.tuple([z.string(), z.number()]),
  either: z.union([z.string(), z.object({ token: z.string() })]),
  mode: z.enum(['a', 'b']),
  anything: z.unknown(),
  tree: Node,
})

const defined = (sensitive: SensitiveOption, state?: z.ZodType) =>
  defineTask({
    type: 'login',
    parameters,
    ...(state === undefined ? {} : { state }),
    sensitive,
    run: () => 1,
  })
const refused = (sensitive: unknown, state?: z.ZodType) => {
  try {
    defined(sensitive as SensitiveOption, state)
  } catch (error) {
    return (error as Error).message
  }
  return 'accepted'
}

describe('the sensitive values of a type', () => {
  test('are those of the parameters, or of each document', () => {
    expect(defined([]).sensitive).toBeNull()
    expect(defineTask({ type: 'plain', parameters, run: () => 1 }).sensitive).toBeNull()
    const { sensitive } = defined(
      { parameters: ['/password'], checkpoint: ['/token'], result: ['/session/id'] },
      z.object({ token: z.string().nullable() }),
    )
    expect(sensitive?.parameters.map(pointerText)).toEqual(['/password'])
    expect(sensitive?.checkpoint.map(pointerText)).toEqual(['/token'])
    expect(sensitive?.result.map(pointerText)).toEqual(['/session/id'])
    const command = defineCommand({
      type: 'c',
      parameters,
      command: () => ['true'],
      sensitive: ['/password'],
    })
    expect(command.sensitive?.parameters).toEqual([['password']])
  })

  test('are anywhere in a schema', () => {
    for (const pointer of [
      '',
      '/card/cvc~12',
      '/logins',
      '/logins/*/password',
      '/logins/0/password',
      '/headers/*',
      '/headers/authorization',
      '/pair/0',
      '/either/token',
      '/anything/at/all',
      '/tree/children/*/children/*/secret',
      '/*',
    ])
      expect(refused([pointer]), pointer).toBe('accepted')
  })

  test('must be able to exist', () => {
    expect(refused(['/pasword'])).toBe(
      'task type "login": sensitive has "/pasword", but the schema has no "pasword" in the parameters, which has "user", "password", "card", "logins", "headers", "pair", "either", "mode", "anything", "tree"',
    )
    expect(refused(['/card/cvc'])).toContain('has no "cvc" in "/card", which has "number", "cvc/2"')
    expect(refused(['/password/x'])).toContain('has no "x" in "/password"')
    expect(refused(['/logins/password'])).toContain('has no "password" in "/logins"')
    expect(refused({ checkpoint: ['/b'] }, z.object({ a: z.string() }))).toContain('no "b" in the checkpoint')
    // Nothing is known about them.
    expect(refused({ checkpoint: ['/b'], result: ['/c'] })).toBe('accepted')
  })

  test('are JSON pointers in lists', () => {
    expect(refused(['password'])).toContain(
      '"password", which is no JSON pointer: write it like "/card/number"',
    )
    for (const wrong of ['/password', 1, null, { parameters: '/password' }, [1], { results: [] }])
      expect(refused(wrong), JSON.stringify(wrong)).toMatch(/sensitive (?:must be|has)/)
  })
})

test('the schema of the parameters marks sensitive values, and nothing else', () => {
  const { jsonSchema } = defined([
    '/password',
    '/card/number',
    '/logins/*/password',
    '/mode',
    '/tree/children/*/secret',
  ])
  const at = (...path: readonly (string | number)[]) =>
    path.reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], jsonSchema)
  expect(at('properties', 'password')).toEqual({
    type: 'string',
    minLength: 8,
    description: 'Of the user',
    writeOnly: true,
    format: 'password',
  })
  expect(at('properties', 'card', 'properties', 'number')).toMatchObject({ type: 'number', writeOnly: true })
  expect(at('properties', 'logins', 'items', 'properties', 'password')).toMatchObject({ format: 'password' })
  expect(at('properties', 'mode')).toEqual({ type: 'string', enum: ['a', 'b'], writeOnly: true })
  expect(at('properties', 'user')).toEqual({ type: 'string' })
  const tree = at('properties', 'tree')
  expect(JSON.stringify(tree).match(/writeOnly/g)).toHaveLength(1)
  expect(z.fromJSONSchema(jsonSchema as never).safeParse({}).success).toBe(false)
})
