import { emptyVariables, steps, tagNames, variables, type Step } from './steps.ts'

type Json = Record<string, unknown>

/** The collection in Postman's format, with a folder per tag, and a test after each request. */
export function postmanCollection(): string {
  const all = steps()
  const folders = tagNames.map((tag) => ({
    name: tag,
    item: all.filter((step) => step.tag === tag && !isEndless(step)).map((step) => itemOf(step)),
  }))
  const endless = all.filter((step) => isEndless(step)).map((step) => itemOf(step))
  const collection = {
    info: {
      name: 'Fermata',
      description:
        'The calls of the API, except those that change keys. Set api_key if the server has keys. Written by tools/collections.ts from the contract: change it there, then run "npm run docs".',
      schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json',
    },
    item: [...folders, { name: 'streams without an end', item: endless }].filter(
      ({ item }) => item.length > 0,
    ),
    variable: [
      ...Object.entries({ ...variables, endless: 'no' }),
      ...emptyVariables().map((name) => [name, 'none']),
    ].map(([key, value]) => ({ key, value })),
  }
  return `${JSON.stringify(collection, null, 2)}\n`
}

/** It streams in any case. */
export function isEndless({ streams, path }: Step): boolean {
  return streams && !path.includes('{{task_id}}')
}

function itemOf(step: Step): Json {
  const { name, method, path, query, body, description } = step
  const parts = path.slice(1).split('/')
  return {
    name,
    request: {
      method,
      description,
      header: [
        { key: 'Authorization', value: 'Bearer {{api_key}}' },
        ...(body === undefined ? [] : [{ key: 'Content-Type', value: 'application/json' }]),
      ],
      ...(body === undefined
        ? {}
        : {
            body: {
              mode: 'raw',
              raw: JSON.stringify(body, null, 2),
              options: { raw: { language: 'json' } },
            },
          }),
      url: {
        raw: `{{base_url}}${path}`,
        host: ['{{base_url}}'],
        path: parts,
        query: query.map(({ name: key, value, description: meaning, required }) => ({
          key,
          value,
          description: meaning,
          disabled: !required,
        })),
      },
    },
    response: [],
    event: [...(isEndless(step) ? [scriptOf('prerequest', skipped)] : []), scriptOf('test', testOf(step))],
  }
}

/** A runner would wait forever; set the variable to try it manually. */
const skipped = [
  '// Set the variable "endless" to "yes" to open this stream: it has no end, so a run of the collection leaves it out.',
  "if (pm.variables.get('endless') !== 'yes') pm.execution.skipRequest()",
]

function scriptOf(listen: 'prerequest' | 'test', exec: readonly string[]): Json {
  return { listen, script: { type: 'text/javascript', exec } }
}

function testOf({ statuses, sets }: Step): string[] {
  const keep =
    sets === undefined
      ? []
      : [`pm.collectionVariables.set('${sets.variable}', pm.response.json().${sets.path.join('.')})`]
  return [
    `pm.test('answers as documented', () => pm.expect(pm.response.code).to.be.oneOf([${statuses.join(', ')}]))`,
    `pm.test('has a request id', () => pm.response.to.have.header('X-Request-ID'))`,
    ...keep,
  ]
}
