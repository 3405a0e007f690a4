import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { generator } from '../support/generators.ts'
import { TestServer } from '../support/server.ts'

/** What generators of clients make of the document of a running server. */
let server: TestServer
let folder: string
let document: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fermata-clients-'))
  document = join(folder, 'openapi.json')
  server = await TestServer.start()
  const response = await fetch(`${server.url}/openapi.json`)
  await writeFile(document, await response.text())
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
}, 600_000)
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

const compilerOptions = {
  strict: true,
  target: 'es2022',
  module: 'esnext',
  moduleResolution: 'bundler',
  lib: ['es2022', 'dom', 'dom.iterable'],
  types: [],
}

/** Compiles a program that uses a generated client; throws with what the compiler says. */
async function compile(name: string, program: string): Promise<string> {
  await writeFile(join(folder, `${name}.ts`), program)
  const config = { compilerOptions: { ...compilerOptions, outDir: `${name}-js` }, files: [`${name}.ts`] }
  await writeFile(join(folder, `tsconfig.${name}.json`), JSON.stringify(config))
  const compiler = generator('typescript', 'bin', 'tsc')
  await run(process.execPath, [compiler, '-p', `tsconfig.${name}.json`])
  return join(folder, `${name}-js`, `${name}.js`)
}

describe('openapi-typescript', () => {
  test('generates types that compile, with the parameters of each type', async () => {
    const bin = generator('openapi-typescript', 'bin', 'cli.js')
    await run(process.execPath, [bin, document, '-o', 'types.ts'])
    const program = `
      import type { paths } from './types'
      type Submit = paths['/api/run/{task_type}']['post']
      export const type: Submit['parameters']['path']['task_type'] = 'add'
      type Status = paths['/api/task/{task_id}/status']['get']['responses'][200]['content']['application/json']
      export const isDone = ({ status }: Status): boolean => status === 'completed'
    `
    await compile('typed', program)
    const wrong = program.replace("'completed'", "'finished'").replace("= 'add'", "= 'multiply'")
    await expect(compile('wrong', wrong)).rejects.toThrow(/multiply[^]*finished/)
  })
})

describe('@hey-api/openapi-ts', () => {
  test('generates a client that compiles, and submits a task to a server and reads its result', async () => {
    const bin = generator('@hey-api', 'openapi-ts', 'bin', 'run.js')
    await run(process.execPath, [bin, '-i', document, '-o', 'hey', '--no-log-file'])
    const program = `
      import { client } from './hey/client.gen'
      import { getTaskStatus, submitTask } from './hey'
      export async function sum(baseUrl: string): Promise<unknown> {
        client.setConfig({ baseUrl })
        const body = { parameters: { a: 2, b: 3 } }
        const submitted = await submitTask({ path: { task_type: 'add' }, body, headers: { prefer: 'wait=30' } })
        const { task_id } = submitted.data!
        const { data } = await getTaskStatus({ path: { task_id } })
        return [submitted.response!.status, data!.status, data!.task_type]
      }
    `
    await compile('client', program)
    const bundle = join(folder, 'bundle.mjs')
    const { build } = await import('rolldown')
    await build({ input: join(folder, 'client.ts'), output: { file: bundle }, logLevel: 'silent' })
    const { sum } = (await import(bundle)) as { sum(url: string): Promise<unknown> }
    expect(await sum(server.url)).toEqual([200, 'completed', 'add'])
  })
})

const hasTools = await Promise.all([has('java'), has('python3')])

describe('OpenAPI Generator', () => {
  test('generates a client in Python that compiles, with a method for each operation', async ({ skip }) => {
    if (hasTools.includes(false)) {
      if (process.env['TEST_JAVA'] === 'required') throw new Error('java or python3 is missing')
      skip('java or python3 is missing')
    }
    const convert = generator('@apiture', 'openapi-down-convert', 'lib', 'src', 'cli.js')
    await run(process.execPath, [convert, '--input', document, '--output', 'openapi-3.0.json'])
    const jar = generator('@openapitools', 'openapi-generator-cli', 'bin', 'openapi-generator.jar')
    await run('java', ['-jar', jar, 'generate', '-g', 'python', '-i', 'openapi-3.0.json', '-o', 'python'])
    await run('python3', ['-m', 'compileall', '-q', 'python/openapi_client'])
    const { paths } = JSON.parse(await readFile(document, 'utf8')) as { paths: Record<string, object> }
    const operations = Object.values(paths).flatMap((path) =>
      Object.values(path as Record<string, { operationId?: string }>).flatMap(
        ({ operationId }) => operationId ?? [],
      ),
    )
    expect(operations.length).toBeGreaterThan(50)
    const { stdout: methods } = await run('sh', ['-c', 'cat python/openapi_client/api/*_api.py'])
    for (const operation of operations) {
      const name = operation.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
      expect(methods).toContain(`def ${name}(self`)
    }
  })
})

async function has(command: string): Promise<boolean> {
  return run('which', [command]).then(
    () => true,
    () => false,
  )
}

async function run(command: string, parameters: readonly string[]) {
  try {
    const options = { cwd: folder ?? tmpdir(), maxBuffer: 64 * 2 ** 20 }
    return await promisify(execFile)(command, parameters, options)
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`${command} ${parameters.join(' ')} failed:\n${stdout}${stderr}`, { cause: error })
  }
}
