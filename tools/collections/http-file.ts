import { isEndless } from './postman.ts'
import { emptyVariables, steps, variables, type Step } from './steps.ts'

/** The requests as a file for REST clients in editors, and for httpyac, which runs the tests in it. */
export function httpFile(): string {
  const values = [...Object.entries(variables), ...emptyVariables().map((name) => [name, 'none'])]
  return `# The calls of the API, except those that change keys. Set api_key if the server has keys. Written by tools/collections.ts from the contract: change it there, then run "npm run docs".
# Open it in an editor with a REST client, or run all of it: npx httpyac send test_api.http --all

${values.map(([name, value]) => `@${name} = ${value}`).join('\n')}

${steps()
  .map((step) => requestOf(step))
  .join('\n')}`
}

function requestOf(step: Step): string {
  const { name, description, method, path, query, body, statuses, sets } = step
  const asked = query.map(
    ({ name: key, value, description: meaning }) => `# ?${key}=${value}  ${oneLine(meaning)}`,
  )
  const url = `{{base_url}}${path}${required(step)}`
  const lines = [
    `### ${name}`,
    `# ${oneLine(description)}`,
    ...asked,
    ...(isEndless(step) ? ['# It has no end: remove the next line to send it.', '# @disabled'] : []),
    `${method} ${url}`,
    'Authorization: Bearer {{api_key}}',
    ...(body === undefined ? [] : ['Content-Type: application/json', '', JSON.stringify(body, null, 2)]),
    '',
    '{{',
    "  const { equal } = require('assert')",
    `  test('answers as documented', () => equal([${statuses.join(', ')}].includes(response.statusCode), true))`,
    ...(sets === undefined
      ? []
      : [`  exports.${sets.variable} = response.parsedBody.${sets.path.join('.')}`]),
    '}}',
    '',
  ]
  return lines.join('\n')
}

function required({ query }: Step): string {
  const needed = query.filter((parameter) => parameter.required)
  return needed.length === 0 ? '' : `?${needed.map(({ name, value }) => `${name}=${value}`).join('&')}`
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}
