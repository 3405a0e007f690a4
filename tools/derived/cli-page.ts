import type { Command } from 'commander'
import { clientCommands } from '../../src/cli/program.ts'
import { exitCodes } from '../../src/cli/exit.ts'

const themes: readonly Readonly<{ title: string; names: readonly string[]; more: string }>[] = [
  {
    title: 'Submit',
    names: ['run'],
    more: `Each parameter of a type is a flag: \`camelCase\` and \`snake_case\` become \`--kebab-case\`, nested parameters become \`--outer.inner\`, and you can
repeat the flag of a list. If a parameter clashes with a \`run\` option, use \`--parameters.NAME\`. Invalid values are refused before anything is sent.
Flags override values of a \`--json\` document.

\`\`\`sh
fermata run long --duration 10 --steps 20 --watch     # a progress bar, then the result
fermata run long --help                               # the parameters of a type
fermata run resize --json @parameters.json --width 200
ID=$(fermata run add --a 1 --b 2)                     # in a pipe, prints only the id
fermata run add --a 1 --b 2 --wait                    # 3
fermata run add --batch numbers.jsonl --tag nightly --idempotency-key nightly-7
\`\`\`

\`--watch\` keeps watching across server restarts, even after \`kill -9\`. It gives up with exit code 4 when the server is unreachable for longer than
\`--patience\` (60 s). Progress goes to standard error; standard output receives only the result. **Ctrl+C asks** whether to leave the task running,
cancel it or keep watching; a second Ctrl+C leaves it running. \`--on-interrupt leave\` or \`--on-interrupt cancel\` skips the question. Without a terminal to
ask on, the task is left running.

\`--batch\` reads a file of any size line by line, in order, and sends up to 2,000 lines per request. It skips blank lines. Files must be UTF-8, with
or without a byte order mark. It stops at the first invalid line, names it, and tells you where to continue. With \`--idempotency-key\` you can simply
run it again: no task is created twice.`,
  },
  {
    title: 'Inspect tasks',
    names: [
      'status',
      'result',
      'watch',
      'listen',
      'logs',
      'steps',
      'tree',
      'waits',
      'answer',
      'explain',
      'list',
      'runs',
      'failures',
    ],
    more: `\`\`\`sh
fermata watch                                         # all running tasks, as progress bars
fermata listen --json --kind transition               # live events of all tasks, for a script
fermata list --status failed --after 2h --search timeout
fermata list -q --status queued | xargs -r fermata cancel
fermata runs --from 2h --type import                  # what they did: waiting, running, paused
fermata failures --span 24h                           # by cause, the latest first
fermata bulk retry --fingerprint 8f3a1c0de5b72946     # run the tasks of a group again
fermata list --json | jq -r 'select(.execution_time > 60) | .task_id'
\`\`\`

In a pipe, \`watch\` prints a line per event, or with \`--json\` a JSON document per event.`,
  },
  {
    title: 'Control tasks',
    names: ['pause', 'resume', 'cancel', 'retry', 'purge', 'bulk'],
    more: `Given many ids, a command sends sixteen requests at a time. It reports refused ids on standard error and carries on with the others. \`bulk\` runs on the
server and asks for confirmation unless you pass \`--yes\`.`,
  },
  {
    title: 'Schedules',
    names: ['schedule'],
    more: `\`\`\`sh
fermata schedule add "0 9 * * 1-5" report --timezone Europe/Berlin --id report
# At 09:00, Monday through Friday (Europe/Berlin)
# Next: Tue 2026-12-01 09:00:00, Wed 2026-12-02 09:00:00, Thu 2026-12-03 09:00:00
fermata schedule add cleanup --every 15m --overlap skip --pause-on-failures 3
fermata schedule run report                           # one task now, also while it is paused
fermata schedule backfill report --from 2026-11-01 --until 2026-11-08
fermata schedule ticks report
\`\`\`

\`--dry-run\` only says when it would tick. See [Schedules](schedules.md).`,
  },
  {
    title: 'Limits',
    names: ['limits'],
    more: `\`\`\`sh
fermata limits set mail-api --concurrency 10 --rate 100/1m
fermata run mail --to ada@example.com --limit-key mail-api=acme --fairness-key acme
fermata limits                                        # what is in use, and how many keys are blocked
fermata limits show mail-api --blocked
fermata limits delete mail-api
\`\`\`

See [Limits](limits.md).`,
  },
  {
    title: 'Webhooks',
    names: ['webhook'],
    more: `\`\`\`sh
fermata webhook create https://example.com/hook --event task.completed --event task.failed
fermata webhook                                       # state, and how many messages are pending or dead
fermata webhook deliveries wh_3f9a1c0b7d24e86a51 --status dead
fermata webhook redeliver wh_3f9a1c0b7d24e86a51 --after 2d
fermata run add --a 2 --b 3 --callback-url https://example.com/done
\`\`\`

See [Webhooks](webhooks.md).`,
  },
  {
    title: 'Server',
    names: ['types', 'hold', 'release', 'stats', 'backup', 'top', 'bench'],
    more: '![fermata top: slots, queue, rates and running tasks](images/top.png)',
  },
  {
    title: 'Agents',
    names: ['mcp'],
    more: 'An agent starts this command itself: see [Agents](mcp.md).',
  },
  {
    title: 'Keys and audit log',
    names: ['keys', 'audit'],
    more: `\`\`\`sh
export FERMATA_API_KEY=$(fermata keys create root --scope admin)      # the first key closes the server
fermata keys create ci --scope read --scope run --type resize --expires 90d
fermata keys rotate ci --overlap 1h
fermata keys revoke ci
\`\`\`

In a pipe, \`keys create\` and \`keys rotate\` print only the key. It is not shown again. See [security](security.md).

\`\`\`sh
fermata audit --after 2h --caller ci
fermata audit --json > audit.jsonl                    # all of it
\`\`\``,
  },
  {
    title: 'Shell completion',
    names: ['completion'],
    more: `\`\`\`sh
eval "$(fermata completion bash)"                     # in ~/.bashrc
eval "$(fermata completion zsh)"                      # in ~/.zshrc, after compinit
\`\`\`

Types, flags and task ids come from the server, limited to those that make sense for the command: \`fermata resume <Tab>\` offers paused tasks.`,
  },
]

const meanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  completed: 'success; the awaited task completed',
  failed: 'the task or the request failed',
  usage: 'invalid usage; nothing was done',
  cancelled: 'the task was cancelled, or you declined a confirmation',
  unreachable: 'the server is unreachable',
  unwritten: 'the output could not be written: the disk is full or the terminal is gone',
  interrupted: 'interrupted with Ctrl+C; the task keeps running',
}

/** The page about the command line. Its tables come from `--help`. */
export function cliPage(): string {
  const commands = clientCommands()
  const missing = commands.filter((command) => !themes.some(({ names }) => names.includes(command.name())))
  if (missing.length > 0)
    throw new Error(`docs/cli.md has no place for ${missing.map((one) => one.name()).join(', ')}`)
  return `# Command line

<!-- Written by tools/docs.ts from src/cli. Change the commands there, then run "npm run docs". -->

\`fermata serve\` runs a server ([configuration](configuration.md)). The commands below talk to one. [Operations](operations.md) describes those that work
on a database: \`restore\`, \`copy\`, \`export\`, \`import\`, \`doctor\`, \`prune\` and \`migrate\`.

![A watched run, a list, and all running tasks](images/cli.png)

| variable | meaning | default |
|---|---|---|
| \`FERMATA_URL\` | address of the server | \`http://localhost:8000\` |
| \`FERMATA_API_KEY\` | the key to send, if the server has keys | none |
| \`TRACEPARENT\`, \`TRACESTATE\` | the [trace](operations.md#traces) to continue | none |
| \`NO_COLOR\`, \`FORCE_COLOR\` | never use colors; use colors in pipes too | colors on a terminal only |

On a terminal, output is formatted for people. In a pipe it is plain: no colors, nothing truncated. \`--json\` prints the [API's](api.md) responses, one JSON document
per line; \`--quiet\` prints only ids. Instead of a full id you can give any unique part of at least six digits: its beginning, or the ending that lists show
(\`fbfcf38e\`, \`…fbfcf38e\` or \`...fbfcf38e\`). Durations are seconds or text like \`90s\`, \`10m\`, \`1h30m\`. Times are relative (\`2h\` ago or from now), a date like
\`2026-01-31T12:00\`, or Unix seconds. Every command has \`--help\`.

Results, messages, errors and names from the server cannot control your terminal: control and invisible characters are shown as \`\\x1b\` or \`\\u202e\`, in
pipes too. In JSON they are escaped, so the value is unchanged. Only \`fermata result --raw\` writes the exact bytes of a string, and only if its output is
not a terminal. If a reader closes the pipe early, as \`head\` does, the command stops quietly; commands that change something finish first.

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

## Common options

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
