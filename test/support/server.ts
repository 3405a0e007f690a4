import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const main = join(import.meta.dirname, '../../src/main.ts')

/** Variables for each process of the program, which finds its modules compiled by earlier ones: that halves its start. */
export const programEnv: Readonly<Record<string, string>> = Object.fromEntries(
  ['PATH', 'NODE_COMPILE_CACHE'].flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value]]
  }),
)

export type StartOptions = Readonly<{
  /** Settings of the server in addition to those that tests always need. */
  env?: Readonly<Record<string, string>>
  /** Continues with the database of an earlier server. */
  directory?: string
  arguments?: readonly string[]
  /** A command that becomes the server with exec: to set limits, for example. */
  under?: readonly string[]
}>

export type Ended = Readonly<{
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}>

/** A server in a separate process, on a free port, with a database in a temporary folder. */
export class TestServer implements AsyncDisposable {
  /** Database URL for the folder of a server: the same for the next one in that folder. */
  static databaseIn = (directory: string) => `sqlite:${join(directory, 'fermata.db')}`

  readonly directory: string
  readonly #child: ChildProcess
  readonly #ended: Promise<Ended>
  #url = ''

  private constructor(directory: string, options: StartOptions) {
    this.directory = directory
    const run = launch(
      { DATABASE_URL: TestServer.databaseIn(directory), ...options.env },
      options.arguments,
      options.under,
    )
    this.#child = run.child
    this.#ended = run.ended
  }

  static async start(options: StartOptions = {}): Promise<TestServer> {
    const server = await TestServer.launch(options)
    await server.listening()
    return server
  }

  /** Does not wait for it. */
  static async launch(options: StartOptions = {}): Promise<TestServer> {
    return new TestServer(options.directory ?? (await mkdtemp(join(tmpdir(), 'fermata-'))), options)
  }

  /** Without a trailing slash. */
  get url(): string {
    return this.#url
  }

  get port(): number {
    return Number(new URL(this.#url).port)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** How the process ended. */
  get ended(): Promise<Ended> {
    return this.#ended
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    this.#child.kill(signal)
    return this.#ended
  }

  /** Ends the process, if a test left it running, and deletes its database. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL')
    await rm(this.directory, { recursive: true, force: true })
  }

  /** Resolves when it listens; it has its address from then on. */
  async listening(): Promise<void> {
    const { url } = await this.logged('listening')
    this.#url = String(url)
  }

  /** The next line of its log with this message; the log is JSON if the output is not a terminal. */
  logged(message: string): Promise<Readonly<Record<string, unknown>>> {
    const found = new Promise<Record<string, unknown>>((resolve) => {
      if (this.#child.stdout === null) return
      createInterface({ input: this.#child.stdout }).on('line', (line) => {
        if (!line.startsWith('{')) return
        const fields = JSON.parse(line) as Record<string, unknown>
        if (fields['msg'] === message) resolve(fields)
      })
    })
    const failed = this.#ended.then(({ code, stdout, stderr }) => {
      throw new Error(`the server ended with ${code} before it said "${message}":\n${stdout}${stderr}`)
    })
    failed.catch(() => undefined)
    return Promise.race([found, failed])
  }
}

/** Runs the program to its end: for failing starts, and for help. */
export function run(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  directory?: string,
): Promise<Ended> {
  return launch(env, args, [], directory).ended
}

function launch(
  env: Readonly<Record<string, string>>,
  args: readonly string[] = ['serve'],
  under: readonly string[] = [],
  cwd?: string,
) {
  const [command = process.execPath, ...rest] = [...under, process.execPath, main, ...args]
  const child = spawn(command, rest, {
    env: {
      ...programEnv,
      PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  return { child, ended }
}
