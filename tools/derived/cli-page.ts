import type { Command } from 'commander'
import { clientCommands } from '../../src/cli/program.ts'
import { exitCodes } from '../../src/cli/exit.ts'

const themes: readonly Readonly<{ title: string; names: readonly string[]; more: string }>[] = [
  {
    title: 'Submit',
    names: ['run'],
    more: `Each parameter of a type is a flag: \`camelCase\` and \`snake_case\` become \`--kebab-case\`, a parameter inside another one is \`--outer.inner\`, a list
is a flag that may be repeated, and one that is called like an option of \`run\` itself is \`--parameters.NAME\`. A wrong value is refused before anything is
sent. With a document, flags win over it.

\`\`\`sh
fermata run long --duration 10 --steps 20 --watch     # a bar that moves, then the result
fermata run long --help                               # the parameters of a type
fermata run resize --json @parameters.json --width 200
ID=$(fermata run add --a 1 --b 2)                     # in a pipe the id stands alone
fermata run add --a 1 --b 2 --wait                    # 3
fermata run add --batch numbers.jsonl --tag nightly --idempotency-key nightly-7
\`\`\`

\`--watch\` outlives restarts of the server, also by \`kill -9\`; it gives up with the exit code 4 when the server is away for longer than \`--patience\` (60 s).
It draws on the standard error, and the result alone goes to the standard output. **Ctrl+C asks** whether to leave the task running, to cancel it, or to go on
watching; a second Ctrl+C leaves it running. \`--on-interrupt leave\` or \`cancel\` decides without a question, and where nobody can be asked it is left running.

\`--batch\` reads a file of any size line by line, in its order, and sends 2,000 lines at a time; a blank line is passed over. Files are UTF-8, with or without a byte order mark. It stops at the first line that is
not valid, names it, and says from which one to go on. With \`--idempotency-key\` it can simply be started again: no task is made twice.`,
  },
  {
    title: 'Look at tasks',
    names: ['status', 'result', 'watch', 'logs', 'explain', 'list'],
    more: `\`\`\`sh
fermata watch                                         # all that run, as bars
fermata list --status failed --after 2h --search timeout
fermata list -q --status queued | xargs fermata cancel
fermata list --json | jq -r 'select(.execution_time > 60) | .task_id'
\`\`\`

In a pipe, \`watch\` prints a line for each thing that happens, and with \`--json\` each event as a document.`,
  },
  {
    title: 'Act on tasks',
    names: ['pause', 'resume', 'cancel', 'retry', 'purge', 'bulk'],
    more: `Many ids are sent sixteen at a time; those that cannot take it are named on the standard error, and the others are done. \`bulk\` acts inside the server and
asks before it does, unless \`--yes\` is given.`,
  },
  {
    title: 'The server',
    names: ['types', 'hold', 'release', 'stats', 'top', 'bench'],
    more: '![Slots, queue, rates and running tasks on the whole screen](images/top.png)',
  },
  {
    title: 'Shells',
    names: ['completion'],
    more: `\`\`\`sh
eval "$(fermata completion bash)"                     # in ~/.bashrc
eval "$(fermata completion zsh)"                      # in ~/.zshrc, behind compinit
\`\`\`

Types, their flags and the ids of tasks come from the server, and only those for which the command makes sense: \`fermata resume <Tab>\` offers what is paused.`,
  },
]

const meanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  completed: 'it went well; a task that was waited for has completed',
  failed: 'the task, or what was asked, has failed',
  usage: 'what was typed is not valid: nothing was done',
  cancelled: 'the task was cancelled, or a question was answered with no',
  unreachable: 'the server cannot be reached',
  unwritten: 'the output could not be written, because the disk is full or the terminal is gone',
  interrupted: 'Ctrl+C: the task goes on',
}

/** The page about the command line. Its tables are those of `--help`. */
export function cliPage(): string {
  const commands = clientCommands()
  const missing = commands.filter((command) => !themes.some(({ names }) => names.includes(command.name())))
  if (missing.length > 0)
    throw new Error(`docs/cli.md has no place for ${missing.map((one) => one.name()).join(', ')}`)
  return `# The command line

<!-- Written by tools/docs.ts from src/cli. Change the commands there, then run "npm run docs". -->

\`fermata serve\` runs a server ([configuration](configuration.md)); everything below talks to one.

![A run that is watched, a list, and all that runs](images/cli.png)

| variable | meaning | default |
|---|---|---|
| \`FERMATA_URL\` | the server | \`http://localhost:8000\` |
| \`NO_COLOR\`, \`FORCE_COLOR\` | no colours; colours in pipes too | colours on a terminal |

Output is for people on a terminal, and for programs in a pipe: no colours, nothing is cut off. \`--json\` prints what the [API](api.md) answers, one document a line;
\`--quiet\` prints ids only. An id may be given by a part that only one task has: the ending that lists show (\`fbfcf38e\`, \`…fbfcf38e\` or \`...fbfcf38e\`) or a
beginning, at least six digits. Durations are seconds or text like \`90s\`, \`10m\`, \`1h30m\`; times are \`2h\` (ago, or from now), a date like \`2026-01-31T12:00\`, or Unix
seconds. Every command explains itself with \`--help\`.

Text that comes from elsewhere (results, messages, errors, names) never controls your terminal: control characters and hidden marks appear as \`\\x1b\` or
\`\\u202e\`, in pipes too. In JSON they are escaped, which leaves the value as it is. Only \`fermata result --raw\` writes the exact bytes of a text, when its output is not
a terminal. A reader that closes the pipe early, as \`head\` does, ends a command quietly; commands that change something still finish.

| exit code | meaning |
|--:|---|
${Object.entries(exitCodes)
  .map(([name, code]) => `| ${code} | ${meanings[name as keyof typeof exitCodes]} |`)
  .join('\n')}

${themes
  .map(({ title, names, more }) =>
    themeOf(
      title,
      commands.filter((command) => names.includes(command.name())),
      more,
    ),
  )
  .join('\n\n')}

## Options of all of them

${optionsTable(commonOf(commands))}
`
}

function themeOf(title: string, commands: readonly Command[], more: string): string {
  return [`## ${title}`, ...(more === '' ? [] : [more]), ...commands.map(commandOf)].join('\n\n')
}

function commandOf(command: Command): string {
  const own = command.options.filter(({ long, optional }) => optional || !common.has(long ?? ''))
  const words = command.registeredArguments.map((argument) => {
    const text = `${argument.name()}${argument.variadic ? '...' : ''}`
    return argument.required ? `<${text}>` : `[${text}]`
  })
  const names = [command.name(), ...command.aliases()].map((name) => `fermata ${name}`).join('`, `')
  const title = `### \`${[names, ...words].join(' ')}\``
  const about = command.description()
  return [title, about, ...(own.length === 0 ? [] : [optionsTable(own)])].join('\n\n')
}

type Options = Command['options']

const common = new Set(['--json', '--quiet', '--url', '--patience'])

function commonOf(commands: readonly Command[]): Options {
  const list = commands.find((command) => command.name() === 'list')
  return list?.options.filter(({ long }) => common.has(long ?? '')) ?? []
}

function optionsTable(options: Options): string {
  const rows = options.map(
    ({ flags, description }) => `| \`${flags}\` | ${description.replaceAll('|', '\\|')} |`,
  )
  return ['| option | meaning |', '|---|---|', ...rows].join('\n')
}
