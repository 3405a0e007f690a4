import { expect, test } from 'vitest'
import { z } from 'zod'
import { answerIn, inputRequests, keyOf } from './questions.ts'

const waitFor = (schema: Readonly<Record<string, unknown>> | null) => ({
  name: 'q',
  occurrence: 1,
  schema,
  message: null,
})
const jsonSchema = (type: z.ZodType) => z.toJSONSchema(type) as Record<string, unknown>
const formFor = (schema: Readonly<Record<string, unknown>> | null) =>
  (inputRequests([waitFor(schema)])['q'] as { params: { requestedSchema: object } }).params.requestedSchema
const accept = (content: unknown) => ({ action: 'accept', content })

test('a flat object is a form, with what forms know of its fields', () => {
  const schema = jsonSchema(
    z.object({ mail: z.email().describe('Yours'), size: z.enum(['s', 'm']), n: z.int().min(1).optional() }),
  )
  expect(formFor(schema)).toMatchObject({
    properties: {
      mail: { type: 'string', format: 'email', description: 'Yours' },
      size: { type: 'string', enum: ['s', 'm'] },
      n: { type: 'integer', minimum: 1 },
    },
    required: ['mail', 'size'],
  })
  expect(answerIn(waitFor(schema), accept({ n: 1 }))).toEqual({ answer: { n: 1 } })
})

test.each([
  [z.boolean(), { type: 'boolean' }, true, true],
  [z.string().max(3), { type: 'string', maxLength: 3 }, '7', '7'],
  [z.array(z.number()), { type: 'string' }, '[1,2]', [1, 2]],
  [
    z.object({ deep: z.object({ x: z.number() }) }),
    { type: 'string' },
    '{"deep":{"x":1}}',
    { deep: { x: 1 } },
  ],
])('another value is one field: %#', (type, field, given, answer) => {
  const schema = jsonSchema(type)
  expect(formFor(schema)).toMatchObject({ properties: { answer: field }, required: ['answer'] })
  expect(answerIn(waitFor(schema), accept({ answer: given }))).toEqual({ answer })
})

test('without a schema, JSON is a value and other text is text', () => {
  expect(formFor(null)).toEqual({
    type: 'object',
    properties: { answer: { type: 'string', title: 'Answer' } },
    required: ['answer'],
  })
  expect(answerIn(waitFor(null), accept({ answer: '{"a":1}' }))).toEqual({ answer: { a: 1 } })
  expect(answerIn(waitFor(null), accept({ answer: 'yes, please' }))).toEqual({ answer: 'yes, please' })
})

test('what is no filled form is no answer', () => {
  for (const response of [
    null,
    {},
    7,
    { action: 'decline' },
    { action: 'cancel' },
    { action: 'accept' },
    accept({}),
  ])
    expect(answerIn(waitFor(null), response)).toBeUndefined()
})

test('each wait has a key of its own', () => {
  const again = { ...waitFor(null), occurrence: 2 }
  expect([keyOf(waitFor(null)), keyOf(again)]).toEqual(['q', 'q (2)'])
  expect(Object.keys(inputRequests([waitFor(null), again]))).toEqual(['q', 'q (2)'])
})
