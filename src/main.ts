#!/usr/bin/env node
import { Command, CommanderError, Option } from 'commander'
import { ConfigInvalid, readConfig, settings, type Config, type SettingName } from './config.ts'
import { DefinitionInvalid, StoreUnavailable } from './core/errors.ts'
import { runMigrate } from './main/migrate.ts'
import { runNode } from './main/node.ts'
import { Stopped } from './main/operator.ts'
import { TasksInvalid } from './registry/load.ts'
import { version } from './version.ts'

type Flags = Partial<Record<string, string>>

/** The command line. It and the files in `main/` are the only ones that know settings, store, engine and server together. */
function program(): Command {
  const all = Object.keys(settings) as SettingName[]
  return new Command('fermata')
    .description(
      'A self-hosted task manager: queue, watch, pause, resume and cancel each task while it runs.',
    )
    .version(version, '-V, --version')
    .addCommand(
      command('serve', 'Run the server: API, queue and the tasks themselves.', all, (config) =>
        runNode(config, 'serve'),
      ),
    )
    .addCommand(
      command(
        'worker',
        'Run tasks of a database that other nodes serve: no API, only /healthz and /readyz.',
        all,
        (config) => runNode(config, 'worker'),
      ),
    )
    .addCommand(
      command(
        'migrate',
        'Bring the tables of the database up to date, as every start does, and end.',
        ['database', 'logLevel'],
        runMigrate,
      ),
    )
}

function command(
  name: string,
  description: string,
  takes: readonly SettingName[],
  run: (config: Config) => Promise<void>,
): Command {
  const made = new Command(name).description(description).allowExcessArguments(false)
  for (const setting of takes) {
    const { flag, value, help, variable, default: fallback } = settings[setting]
    made.addOption(new Option(`${flag} <${value}>`, `${help} (default: ${fallback}, env: ${variable})`))
  }
  return made.action((flags: Flags) => run(readConfig({ flags: byName(flags), env: process.env })))
}

/** Commander names an option after its flag; the settings have names of their own. */
function byName(flags: Flags): Partial<Record<SettingName, string>> {
  const given = Object.entries(settings).flatMap(([name, { flag }]) => {
    const value = flags[new Option(flag).attributeName()]
    return value === undefined ? [] : [[name, value]]
  })
  return Object.fromEntries(given) as Partial<Record<SettingName, string>>
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
  if (error instanceof Stopped) process.exit(0)
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2)
  const [line, code] = explained(error) ?? [
    error instanceof Error ? (error.stack ?? error.message) : String(error),
    1,
  ]
  process.stderr.write(`fermata: ${line}\n`)
  process.exit(code)
}
