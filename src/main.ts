#!/usr/bin/env node
import { Command, CommanderError, Option } from 'commander'
import type { Logger } from 'pino'
import { ConfigInvalid, readConfig, settings, type Config, type SettingName } from './config.ts'
import { DefinitionInvalid, StoreUnavailable } from './core/errors.ts'
import { loadTypes, TasksInvalid } from './registry/load.ts'
import { Output } from './output.ts'
import { version } from './version.ts'

/** Milliseconds that connections have to end after the last answer. */
const lastGrace = 2_000

/** The command line: the only place that knows settings, store, engine and server together. */
function program(): Command {
  const serve = new Command('serve')
    .description('Run the server: API, queue and the tasks themselves.')
    .allowExcessArguments(false)
  for (const { flag, value, help, variable, default: fallback } of Object.values(settings)) {
    serve.addOption(new Option(`${flag} <${value}>`, `${help} (default: ${fallback}, env: ${variable})`))
  }
  serve.action((flags: Partial<Record<string, string>>) => runServer(byName(flags)))
  return new Command('fermata')
    .description(
      'A self-hosted task manager: queue, watch, pause, resume and cancel each task while it runs.',
    )
    .version(version, '-V, --version')
    .addCommand(serve)
}

/** Commander names an option after its flag; the settings have names of their own. */
function byName(flags: Partial<Record<string, string>>): Partial<Record<SettingName, string>> {
  const given = Object.entries(settings).flatMap(([name, { flag }]) => {
    const value = flags[new Option(flag).attributeName()]
    return value === undefined ? [] : [[name, value]]
  })
  return Object.fromEntries(given) as Partial<Record<SettingName, string>>
}

async function runServer(flags: Partial<Record<SettingName, string>>): Promise<void> {
  const config = readConfig({ flags, env: process.env })
  // Loaded here, so that help, mistakes and the other commands do not wait for the server's parts.
  const [{ openTaskManager }, { builtinTypes }, { createServer }, { isLoopback }] = await Promise.all([
    import('./index.ts'),
    import('./registry/builtin/index.ts'),
    import('./http/server.ts'),
    import('./http/guards.ts'),
  ])
  const onTerminal = process.stdout.isTTY
  const logger = await openLog(config, onTerminal)
  surviveFaults(logger)
  const stopped = signalled()

  const tasks = [...builtinTypes, ...(config.tasks === '' ? [] : await loadTypes(config.tasks))]
  const unknown = config.types?.find((name) => !tasks.some(({ type }) => type === name))
  if (unknown !== undefined)
    throw new ConfigInvalid(`The types to run name ${unknown}, which is not defined.`)
  const manager = await openTaskManager({
    database: config.database,
    tasks,
    maxConcurrent: config.maxConcurrent,
    ...(config.types === null ? {} : { types: config.types }),
    ...(config.threads === 0 ? {} : { threads: config.threads }),
    maxQueued: config.maxQueued,
    retention: config.retention / 1_000,
    cancelGrace: config.cancelGrace / 1_000,
    drain: config.drain / 1_000,
    logger,
  })
  const guarded = isLoopback(config.host)
  const server = await createServer({ manager, version, logger, guarded })
  try {
    await server.listen({ port: config.port, host: config.host })
  } catch (error) {
    await manager.close()
    throw error
  }
  const url = addressOf(server.server.address(), config)
  if (onTerminal) process.stdout.write(banner(url.replace(/0\.0\.0\.0|\[::\]/, 'localhost'), config))
  logger.info(
    { url, database: withoutPassword(config.database), max_concurrent: config.maxConcurrent, version },
    'listening',
  )
  if (!guarded) {
    logger.warn(
      { host: config.host },
      'anyone who can reach this address can run tasks: there are no API keys, so keep it behind a firewall or a proxy',
    )
  }

  const signal = await stopped
  logger.info(
    { signal, drain_seconds: config.drain / 1_000 },
    'stopping: running tasks come to a pause point',
  )
  await manager.close()
  const force = setTimeout(() => server.server.closeAllConnections(), lastGrace)
  await server.close()
  clearTimeout(force)
  logger.info({}, 'stopped')
}

/** Resolves with the first signal to stop; the second one ends the process at once. */
function signalled(): Promise<NodeJS.Signals> {
  const codes = { SIGINT: 130, SIGTERM: 143 } as const
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>()
  let stopping = false
  for (const [signal, code] of Object.entries(codes)) {
    process.on(signal, () => {
      if (stopping) process.exit(code)
      stopping = true
      resolve(signal as NodeJS.Signals)
    })
  }
  return promise
}

/** Handlers are code of users: a promise that they forgot must not take the other tasks down. */
function surviveFaults(logger: Logger): void {
  process.on('unhandledRejection', (reason) => {
    logger.error({ err: reason }, 'a promise was rejected and nobody listened; the server goes on')
  })
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'an error was thrown where nobody could catch it; the server ends')
    process.exit(1)
  })
}

/** JSON lines, or lines for people on a terminal. */
async function openLog({ logLevel: level }: Config, onTerminal: boolean): Promise<Logger> {
  const { pino } = await import('pino')
  if (!onTerminal) return pino({ level }, new Output())
  const { default: pretty } = await import('pino-pretty')
  return pino(
    { level },
    pretty({ sync: true, ignore: 'pid,hostname', singleLine: true, translateTime: 'SYS:HH:MM:ss' }),
  )
}

function addressOf(address: string | { port: number } | null, { host, port }: Config): string {
  const actual = typeof address === 'object' && address !== null ? address.port : port
  return `http://${host.includes(':') ? `[${host}]` : host}:${actual}`
}

function banner(url: string, { database, maxConcurrent }: Config): string {
  const slots = maxConcurrent === 1 ? '1 slot' : `${maxConcurrent} slots`
  return `
  Fermata ${version}

  Page    ${url}
  API     ${url}/api
  Docs    ${url}/docs  and  ${url}/redoc
  Tasks   ${withoutPassword(database)}, ${slots}

  Ctrl+C stops: what runs is kept and goes on at the next start.

`
}

/** Of the URL of a database, for those who read logs. */
function withoutPassword(database: string): string {
  return database.replace(/^(\w+:\/\/[^:/@]*):[^@]*@/, '$1:***@').replace(/([?&]password=)[^&]*/g, '$1***')
}

/** What an operator is told in one line instead of a stack, and the exit code that goes with it. */
function explained(error: unknown): readonly [line: string, code: number] | undefined {
  if (error instanceof ConfigInvalid || error instanceof TasksInvalid || error instanceof DefinitionInvalid) {
    return [error.message, 2]
  }
  if (error instanceof StoreUnavailable) return [error.message, 1]
  const { code, syscall, address, port } = error as NodeJS.ErrnoException & {
    address?: string
    port?: number
  }
  if (syscall !== 'listen' && syscall !== 'getaddrinfo') return undefined
  if (code === 'EADDRINUSE') {
    return [
      `Port ${port} of ${address} is in use: stop the other program, or choose another port with --port or PORT.`,
      1,
    ]
  }
  return [`Cannot listen: ${(error as Error).message}. Choose another address with --host and --port.`, 1]
}

try {
  const command = program().exitOverride()
  for (const sub of command.commands) sub.exitOverride()
  await command.parseAsync()
  process.exit(0)
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2)
  const [line, code] = explained(error) ?? [
    error instanceof Error ? (error.stack ?? error.message) : String(error),
    1,
  ]
  process.stderr.write(`fermata: ${line}\n`)
  process.exit(code)
}
