import { createConfig, lintFromString } from '@redocly/openapi-core'
import { openapi } from '../src/contract/openapi.ts'
import { builtinTypes } from '../src/registry/builtin/index.ts'
import { version } from '../src/version.ts'

/** Checks the OpenAPI document against the strict rules of an external linter: `npm run lint:api`. */
const config = await createConfig({ extends: ['recommended-strict'] })

async function complaints(document: object): Promise<string[]> {
  const source = JSON.stringify(document)
  const found = await lintFromString({ source, absoluteRef: 'openapi.json', config })
  return found.map(
    ({ ruleId, message, location }) =>
      `${ruleId}: ${message} At ${location.map(({ pointer }) => pointer).join(', ')}`,
  )
}

const document = openapi(version, builtinTypes)
// A linter that finds nothing here does not check.
if ((await complaints({ ...document, tags: [{}] })).length === 0) throw new Error('the linter is blind')

const found = await complaints(document)
for (const line of found) console.error(line)
if (found.length > 0) process.exitCode = 1
