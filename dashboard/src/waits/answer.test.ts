import { expect, test } from 'vitest'
import { refusalOf, shapeOf } from './answer.ts'

const approval = { type: 'object', properties: { approved: { type: 'boolean' } }, required: ['approved'] }

test('an object is filled in field by field', () => {
  const shape = shapeOf(approval)
  expect(shape.schema).toBe(approval)
  expect(shape.answerOf({ approved: true })).toEqual({ approved: true })
  expect(shape.placeOf('answer.approved')).toBe('approved')
  expect(shape.placeOf('answer')).toBe('')
})

test('any other answer is one field', () => {
  const shape = shapeOf({ $defs: { day: { type: 'string' } }, $ref: '#/$defs/day' })
  expect(shape.schema).toEqual({
    type: 'object',
    properties: { answer: { $ref: '#/$defs/day' } },
    required: ['answer'],
    $defs: { day: { type: 'string' } },
  })
  expect(shape.answerOf({ answer: 'Monday' })).toBe('Monday')
  expect(shape.placeOf('answer')).toBe('answer')
  expect(shapeOf(null).schema.properties).toEqual({ answer: {} })
})

function refused(code: string, errors: { path: string; message: string }[]) {
  return { code, detail: 'The answer is refused.', errors }
}

test('what the server refuses is shown at its field, and the rest above the form', () => {
  const shape = shapeOf(approval)
  const error = refused('ANSWER_INVALID', [
    { path: 'answer.approved', message: 'must be a boolean' },
    { path: 'answer', message: 'must have fewer properties' },
  ])
  expect(refusalOf(error, shape, ['approved'])).toEqual({
    at: { approved: 'must be a boolean' },
    head: ['must have fewer properties'],
  })
  expect(refusalOf(refused('WAIT_ANSWERED', []), shape, ['approved'])).toEqual({
    at: {},
    head: ['The answer is refused.'],
  })
})
