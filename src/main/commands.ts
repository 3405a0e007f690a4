import { Command, Option } from 'commander'
import { addFilter } from '../cli/options.ts'
import { commanderOutput } from '../cli/terminal/outputs.ts'
import { ConfigInvalid, readConfig, settings, type Config, type SettingName } from '../config.ts'
import { DatabaseInvalid, DefinitionInvalid, DocumentUnreadable, StoreUnavailable } from '../core/errors.ts'
import { TasksInvalid } from '../registry/load.ts'
import { runCopy } from './copy.ts'
import { runExport, runImport } from './export.ts'
import { runDoctor } from './doctor.ts'
import { runMigrate } from './migrate.ts'
import { runNode } from './node.ts'
import { runPrune } from './prune.ts'
import { runRestore } from './restore.ts'
import { runWork } from './work.ts'
import { Stopped } from './operator.ts'

type Flags = Readonly<Record<string, unknown>>
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
      'work',
      'Make a program a remote worker',
      'Registers a type at a server and runs its tasks by starting the program for each one, as docs/workers.md describes: parameters come on standard input, and progress, checkpoints and the result are lines of JSON on standard output. Needs a key with the scope worker, if there are keys (FERMATA_API_KEY).',
      [],
      runWork,
    )
      .usage('[options] <type> -- <program> [arguments...]')
      .argument('<type>', 'the type to run')
      .argument('<program...>', 'the program and its arguments')
      .option('-u, --url <url>', 'server (default: http://localhost:8000, env: FERMATA_URL)')
      .option(
        '--name <name>',
        'name of the worker, unique among the live ones (default: host and process id)',
      )
      .option('-c, --concurrency <number>', 'maximum number of tasks at once (default: 1)')
      .addOption(
        new Option(
          '--pause <way>',
          'checkpoint: the program is asked to write a checkpoint and exit; none (default): it cannot be paused while it runs',
        ).choices(['checkpoint', 'none']),
      )
      .option('--parameters <json>', 'JSON schema of the parameters: {...} or @FILE (default: any object)')
      .option('--description <text>', 'what it does')
      .option('--max-attempts <number>', 'attempts before a failure is final (default: 1)')
      .option('--timeout <duration>', 'maximum active time per attempt (default: none)')
      .option('--cancel-grace <duration>', 'how long a stopped program has to exit (default: 5s)'),
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
    command(
      'doctor',
      'Check configuration and database',
      'Checks the configuration, the task types and the database: permissions, disk space, schema, damage, counts, encryption, and the clock and settings of a PostgreSQL. Changes nothing. The exit code is 1 if something must be fixed.',
      all,
      runDoctor,
    ).option('--json', 'print the findings as JSON'),
    command(
      'prune',
      'Delete old finished tasks now',
      'Deletes finished tasks, entries of the audit log and deliveries of webhooks that are older than their retention, and gives the space of a SQLite file back to the disk. No server may have a SQLite database open.',
      ['database', 'retention', 'auditRetention', 'webhookRetention'],
      runPrune,
    ),
    command(
      'copy',
      'Copy everything to another database',
      'Copies all tasks with their timelines, checkpoints, results and logs, the holds, the operations, the keys and the audit log into an empty database, of either kind. No node may have one of the two databases open. What is encrypted stays encrypted. If it is interrupted, run it again: it continues.',
      [],
      runCopy,
    )
      .argument('<from>', 'the database to read: sqlite:PATH or postgres://...')
      .argument('<to>', 'the database to write')
      .option('--encrypt', 'encrypt everything with the first of FERMATA_ENCRYPTION_KEYS'),
    addFilter(
      command(
        'export',
        'Export tasks as lines of JSON',
        'Writes the tasks of a database with everything that is stored about them, decrypted, one JSON object per line. No server may have a SQLite database open: export from a backup instead. Nodes may use a PostgreSQL.',
        ['database'],
        runExport,
      ),
    )
      .argument('[file]', 'the file to write (default: standard output)')
      .option('-f, --force', 'replace an existing file'),
    command(
      'import',
      'Import exported tasks',
      'Adds the tasks of an export to a database. Tasks whose id or idempotency key is already there are skipped, so an interrupted import can be repeated. No server may have a SQLite database open.',
      ['database'],
      runImport,
    ).argument('[file]', 'the file to read (default: standard input)'),
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
    if (flag === '') continue
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
    if (flag === '') return []
    const value = flags[new Option(flag).attributeName()]
    // A flag that turns something off is true if it was not given.
    const isDefault = value === undefined || (value === true && flag.startsWith('--no-'))
    return isDefault ? [] : [[name, typeof value === 'string' ? value : String(value === true)]]
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
  if (error instanceof DocumentUnreadable) return [error.message, 2]
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
