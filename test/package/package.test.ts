import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
let project: string

beforeAll(async () => {
  project = await realpath(await mkdtemp(join(tmpdir(), 'fermata-package-')))
  await cp(join(import.meta.dirname, 'project'), project, { recursive: true })
  for (const [name, text] of await examplesOf('testing.md')) await writeFile(join(project, name), text)
  const { stdout } = await run(
    'npm',
    ['pack', '--ignore-scripts', '--silent', '--pack-destination', project],
    root,
  )
  const tarball = join(project, stdout.trim().split('\n').at(-1) ?? '')
  const { devDependencies } = await manifest()
  // Only the package and the types of Node: npm installs its peer dependency zod.
  const beside = [`@types/node@${devDependencies?.['@types/node']}`]
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball, ...beside], project)
}, 900_000)
afterAll(() => rm(project, { recursive: true, force: true }))

describe('the packed package', () => {
  test.each(['nodenext', 'bundler', 'browser'])('has types for %s', async (name) => {
    const tsc = join(root, 'node_modules', '.bin', 'tsc')
    expect(await run(tsc, ['-p', `tsconfig.${name}.json`], project)).toEqual({ stdout: '', stderr: '' })
  })

  test.each(['library.ts', 'library.mjs', 'library.cjs'])('runs tasks in %s', async (name) => {
    expect((await run(process.execPath, [name], project)).stdout).toBe('{"resized":2}\n')
  })

  test('serves with its binary, used by clients in TypeScript and JavaScript', async () => {
    const server = spawn(process.execPath, [join(project, 'node_modules', '.bin', 'fermata'), 'serve'], {
      cwd: project,
      env: { PATH: process.env['PATH'], PORT: '0', DATABASE_URL: 'sqlite::memory:' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      const url = await listening(server.stdout)
      for (const name of ['client.ts', 'client.mjs', 'client.cjs']) {
        expect((await run(process.execPath, [name, url], project)).stdout).toBe('5 TYPE_UNKNOWN\n')
      }
    } finally {
      server.kill('SIGKILL')
    }
  })

  test('runs the examples of the testing guide', async () => {
    const { stdout } = await run(process.execPath, ['--test', 'handler.test.ts', 'manager.test.ts'], project)
    expect(stdout).toMatch(/pass 6\n[^]*fail 0/)
  })
})

test('npm pack builds the package first', async () => {
  expect((await manifest()).scripts?.['prepack']).toBe('npm run build')
})

test('the README states the size of the client', async () => {
  const { stdout } = await run(process.execPath, ['tools/size.ts', '--check'], root)
  expect(stdout).toContain('kB minified')
})

type Manifest = Readonly<{ scripts?: Record<string, string>; devDependencies?: Record<string, string> }>

async function manifest(): Promise<Manifest> {
  return JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Manifest
}

/** Example files of a documentation page: code blocks that begin with a file name. */
async function examplesOf(page: string): Promise<[string, string][]> {
  const text = await readFile(join(root, 'docs', page), 'utf8')
  return [...text.matchAll(/```ts\n\/\/ (\S+\.ts)\n([^]*?)```/g)].map(([, name = '', code = '']) => [
    name,
    code,
  ])
}

/** The address from the log, which is JSON if the output is not a terminal. */
async function listening(output: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: output })) {
    if (!line.startsWith('{')) continue
    const { msg, url } = JSON.parse(line) as { msg?: string; url?: string }
    if (msg === 'listening' && url !== undefined) return url
  }
  throw new Error('the server ended before it listened')
}

/** Runs a command; rejects with its output if it fails. */
function run(
  command: string,
  args: readonly string[],
  cwd: string,
): Promise<{ stdout: string; stderr: string }> {
  const path = [dirname(process.execPath), process.env['PATH']].join(delimiter)
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, PATH: path, NODE_OPTIONS: '' } })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve({ stdout, stderr })
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`))
    })
  })
}
