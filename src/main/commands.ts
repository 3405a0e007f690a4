import { Command, Option } from 'commander'
import { commanderOutput } from '../cli/terminal/outputs.ts'
import { ConfigInvalid, readConfig, settings, type Config, type SettingName } from '../config.ts'
import { DatabaseInvalid, DefinitionInvalid, StoreUnavailable } from '../core/errors.ts'
import { TasksInvalid } from '../registry/load.ts'
import { runMigrate } from './migrate.ts'
import { runNode } from './node.ts'
import { runRestore } from './restore.ts'
import { Stopped } from './operator.ts'

type Flags = Partial<Record<string, string | boolean>>
type Run = (config: Config, args: readonly string[], flags: Flags) => Promise<void>

/** The operator commands. Only they and what they call know settings, store, engine and server together. */
export function operatorCommands(): Command[] {
  const all = Object.keys(settings) as SettingName[]
  return [
    command('serve', 'Run a server', 'Runs a server: API, web page, queue and tasks.', all, (config) =>
      runNode(config, 'serve'),
    ),
    command(
      'worker',
      'Run a node without the API',
      'Runs a node without the API: it runs tasks and answers only /healthz, /readyz and /metrics.',
      all,
      (config) => runNode(config, 'worker'),
    ),
    command(
      'migrate',
      'Migrate the database schema',
      'Migrates the database schema, as every start does, and exits.',
      ['database', 'logLevel', 'logFormat'],
      runMigrate,
    ),
    command(
      'restore',
      'Restore a backup of a SQLite database',
      'Restores a backup that "fermata backup" has saved, after checking it. No server may have the database open.',
      ['database'],
      runRestore,
    )
      .argument('<file>', 'the backup')
      .option('-f, --force', 'replace a database that has tasks; it is kept under another name'),
  ]
}

function command(
  name: string,
  summary: string,
  description: string,
  takes: readonly SettingName[],
  run: Run,
): Command {
  const made = new Command(name)
    .summary(summary)
    .description(description)
    .allowExcessArguments(false)
    .configureOutput(commanderOutput)
  for (const setting of takes) {
    const { flag, value, help, variable, default: fallback } = settings[setting]
    const usage = value === '' ? flag : `${flag} <${value}>`
    const usual = fallback === '' ? 'none' : fallback
    made.addOption(new Option(usage, `${help} (default: ${usual}, env: ${variable})`))
  }
  return made.action(() => {
    const flags = made.opts<Flags>()
    return run(readConfig({ flags: byName(flags), env: process.env }), made.args, flags)
  })
}

/** Commander names an option after its flag, but settings have their own names. */
function byName(flags: Flags): Partial<Record<SettingName, string>> {
  const given = Object.entries(settings).flatMap(([name, { flag }]) => {
    const value = flags[new Option(flag).attributeName()]
    // A flag that turns something off is true if it was not given.
    const isDefault = value === undefined || (value === true && flag.startsWith('--no-'))
    return isDefault ? [] : [[name, String(value)]]
  })
  return Object.fromEntries(given) as Partial<Record<SettingName, string>>
}

/** The one-line message for the operator instead of a stack (empty for a requested stop), and the exit code. */
export function explained(error: unknown): readonly [line: string, code: number] | undefined {
  if (error instanceof Stopped) return ['', 0]
  if (error instanceof ConfigInvalid || error instanceof TasksInvalid || error instanceof DefinitionInvalid) {
    return [error.message, 2]
  }
  if (error instanceof DatabaseInvalid)
    return [`${error.message} It is set by --database or DATABASE_URL.`, 2]
  if (error instanceof StoreUnavailable) return [error.message, 1]
  const { code, syscall, address, port } = error as NodeJS.ErrnoException & {
    address?: string
    port?: number
  }
  if (syscall !== 'listen' && syscall !== 'getaddrinfo') return undefined
  if (code === 'EADDRINUSE') {
    return [
      `Port ${port} on ${address} is in use. Stop the other program, or choose another port with --port or PORT.`,
      1,
    ]
  }
  return [`Cannot listen: ${(error as Error).message}. Choose another address with --host and --port.`, 1]
}
