import { describe, expect, test } from 'vitest'
import { openapi } from './openapi.ts'
import type { Route } from './route.ts'
import { routes } from './routes.ts'

const all = Object.entries<Route>(routes)

/** Every object in a value, however deep. */
function* objectsIn(value: unknown): Generator<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) yield value as Record<string, unknown>
  for (const part of Object.values(value)) yield* objectsIn(part)
}

test('no two calls share a method and a path', () => {
  expect(new Set(all.map(([, { method, path }]) => `${method} ${path}`)).size).toBe(all.length)
})

test.each(all)('%s names the parameters of its path', (_, { path, params }) => {
  const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
  expect(named).toEqual(Object.keys(params?.shape ?? {}))
})

test.each(all)('%s has schemas that accept their examples', (_, { body, answer }) => {
  for (const schema of [body, answer.schema]) {
    if (schema === undefined) continue
    const example = schema.meta()?.['example']
    expect(example).toBeDefined()
    expect(schema.safeParse(example)).toMatchObject({ success: true })
  }
})

const types = [
  {
    type: 'tree:plant',
    description: 'Plant a tree',
    jsonSchema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: { children: { type: 'array', items: { $ref: '#' } }, name: { $ref: '#/$defs/name' } },
      $defs: { name: { type: 'string' } },
    },
    example: { name: 'oak', children: [] },
  },
  { type: 'bare', description: '', jsonSchema: { type: 'object' }, example: undefined },
]

describe('the OpenAPI document', () => {
  const document = openapi('1.2.3', types)

  test('is JSON in which every reference resolves', () => {
    expect(JSON.parse(JSON.stringify(document))).toEqual(document)
    const schemas = (document['components'] as { schemas: Record<string, unknown> }).schemas
    const references = [...objectsIn(document)].flatMap(({ $ref }) =>
      typeof $ref === 'string' ? [$ref] : [],
    )
    expect(references.length).toBeGreaterThan(30)
    for (const reference of references) {
      const path = reference.replace('#/components/schemas/', '').split('/')
      expect(schemas).toHaveProperty(path)
    }
  })

  test('has every call, with a summary, a description, an example and its problems', () => {
    const paths = document['paths'] as Record<string, Record<string, Record<string, unknown>>>
    for (const [operationId, route] of all) {
      const operation = paths[route.path]?.[route.method.toLowerCase()]
      expect(operation).toMatchObject({ operationId, tags: [route.tag] })
      expect(String(operation?.['summary']).length).toBeGreaterThan(3)
      expect(String(operation?.['description']).length).toBeGreaterThan(10)
      const responses = operation?.['responses'] as Record<string, { content: Record<string, object> }>
      for (const media of Object.values((responses['200'] ?? responses['201'])?.content ?? {}))
        expect(media).toHaveProperty('example')
      for (const [status, { content }] of Object.entries(responses)) {
        if (Number(status) < 400) continue
        const { 'application/problem+json': problem, 'application/json': ofProtocol } = content
        if (problem === undefined) expect(ofProtocol).toHaveProperty('example')
        else expect(problem).toHaveProperty('examples')
      }
      expect(responses).toHaveProperty('403')
    }
  })

  test('offers each type with its own parameters and example', () => {
    const paths = document['paths'] as Record<string, Record<string, unknown>>
    const { parameters, requestBody } = paths['/api/run/{task_type}']!['post'] as Readonly<{
      parameters: unknown[]
      requestBody: { content: Record<string, object> }
    }>
    expect(parameters[0]).toMatchObject({ schema: { enum: ['tree:plant', 'bare'] }, example: 'tree:plant' })
    expect(requestBody.content['application/json']).toMatchObject({
      schema: {
        anyOf: [
          {
            title: 'tree:plant',
            properties: { parameters: { $ref: '#/components/schemas/Parameters.tree..plant' } },
          },
          { title: 'bare' },
        ],
      },
      examples: {
        'tree..plant': {
          summary: 'tree:plant: Plant a tree',
          value: { parameters: { name: 'oak', children: [] } },
        },
      },
    })
  })

  test('has strict requests and open responses', () => {
    const { schemas } = document['components'] as { schemas: Record<string, Record<string, unknown>> }
    expect(schemas['RunRequest']).toMatchObject({ additionalProperties: false, required: ['parameters'] })
    expect(schemas['StatusBody']).not.toHaveProperty('additionalProperties')
    expect(JSON.stringify(document)).not.toContain('9007199254740991')
  })
})
