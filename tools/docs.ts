import { settings } from '../src/config.ts'
import { clientErrors, problems, taskErrors, type ProblemKind } from '../src/contract/problems.ts'
import { controlMoves, controlsFrom, lifecycle, meanings, type Move } from '../src/core/lifecycle.ts'
import { controls, isActive, isTerminal, statuses, type Status } from '../src/core/task.ts'
import { cliPage } from './derived/cli-page.ts'
import { keep } from './derived/files.ts'

/** Pages that derive from the code. `node tools/docs.ts` writes them, with `--check` it only compares. */
keep({
  'docs/lifecycle.md': lifecyclePage,
  'docs/configuration.md': configurationPage,
  'docs/errors.md': errorsPage,
  'docs/cli.md': cliPage,
})

function lifecyclePage(): string {
  const moves = Object.entries<Move>(lifecycle)
  return `# The life of a task

<!-- Written by tools/docs.ts from src/core/lifecycle.ts. Change the table, then run "npm run docs". -->

A task is in one of ${statuses.length} states. Each move below is a row of one table in the code (\`src/core/lifecycle.ts\`): the engine,
this page and every button derive from it. Each move raises the task's \`version\` by one and appends a line to its timeline.

\`\`\`mermaid
stateDiagram-v2
${arrows().join('\n')}
${statuses
  .filter(isTerminal)
  .map((status) => `  ${status} --> [*]`)
  .join('\n')}
\`\`\`

## States

| state | code alive | what it means | controls |
|---|---|---|---|
${statuses.map((status) => `| \`${status}\` | ${alive(status)} | ${meanings[status]} | ${buttons(status)} |`).join('\n')}

## Moves

| move | from | to | who | why |
|---|---|---|---|---|
${moves.map(([name, { from, to, who, why }]) => `| \`${name}\` | ${list(from)} | ${list(to)} | ${who} | ${why} |`).join('\n')}

## Controls

A control that the state cannot take is refused with the state that was seen. Repeated while it stands, it succeeds without
effect; so does a cancel of a task that is cancelled.

| control | moves |
|---|---|
${controls.map((control) => `| \`${control}\` | ${controlMoves[control].map((name) => `\`${name}\``).join(', ')} |`).join('\n')}
`
}

function configurationPage(): string {
  const rows = Object.values(settings).map(
    ({ variable, flag, default: fallback, help, must }) =>
      `| \`${variable}\` | \`${flag}\` | \`${fallback}\` | ${help} | ${must} |`,
  )
  return `# Configuration

<!-- Written by tools/docs.ts from src/config.ts. Change the table there, then run "npm run docs". -->

Set by environment variables, or by flags of \`fermata serve\` and \`fermata worker\`, which win. A value that is not valid stops the start with one line that
names it. \`fermata serve --help\` shows this table too.

| variable | flag | default | what it is | must be |
|---|---|---|---|---|
${rows.join('\n')}

Durations are numbers with units: \`250ms\`, \`90s\`, \`10m\`, \`1h30m\`, \`7d\`; a bare number is seconds.

An unknown variable that begins with \`FERMATA_\` stops the start, and the message names the setting that was most likely meant. Three kinds are
exempt: that of clients (\`FERMATA_URL\`), those that a command task finds in its environment (\`FERMATA_TASK_ID\` and its like),
and those that Kubernetes injects for a service named \`fermata\` or \`fermata-...\` (\`FERMATA_SERVICE_HOST\`, \`FERMATA_PORT=tcp://...\`,
\`FERMATA_PORT_8000_TCP_ADDR\`).

## The address of the database

A mistake in it ends the start at once with exit code 2 and the remedy; nothing is opened, made or waited for. Passwords never appear in
errors or logs. Prefer \`DATABASE_URL\` to the flag, which every user of the machine can see in the list of processes.

\`sqlite:PATH\` takes the path as it is written, relative to the current folder or from the root: no \`//\`, no \`~\`, no variables, no options, nothing
encoded. Missing folders are made. A new file, and the files beside it, can be read and written by their owner only (mode 0600); a file that
is there keeps its mode, so \`chmod 600\` one that an earlier version or another program made.

\`postgres://USER:PASSWORD@HOST:PORT/DATABASE?OPTIONS\` takes several \`HOST:PORT\` with commas between. Write \`/ ? #\` in a user, a password or the name of a
database as \`%2F %3F %23\`, and \`%\` as \`%25\`. Names of databases, users and schemas have at most 63 bytes. Options:

| option | what it is |
|---|---|
| \`schema\` | schema of the tables; default \`fermata\` |
| \`lease\` | seconds after which a silent node counts as dead, 1 to 3600; default 15 |
| \`sslmode\`, \`sslrootcert\`, \`sslcert\`, \`sslkey\`, \`sslnegotiation\`, \`ssl\`, \`uselibpqcompat\` | encryption, as the driver \`pg\` has them |
| \`host\`, \`port\` | folder of a Unix socket, with no host before the path; its port |
| \`user\`, \`password\`, \`application_name\`, \`fallback_application_name\`, \`options\` | as libpq has them |
| \`statement_timeout\`, \`lock_timeout\`, \`idle_in_transaction_session_timeout\` | milliseconds |
| \`target_session_attrs\` | only \`read-write\`, \`primary\` or \`any\`: the primary is always used |

A SQLite file belongs to one process: a second one is refused. [Operations](operations.md) says how to back it up.
`
}

function errorsPage(): string {
  const answered = Object.entries<ProblemKind>(problems).map(
    ([code, { status, title, retryAfter }]) =>
      `| \`${code}\` | ${status} | ${title} |${retryAfter === undefined ? '' : ` ${retryAfter} s`} |`,
  )
  const stored = Object.entries(taskErrors).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`)
  return `# Errors

<!-- Written by tools/docs.ts from src/contract/problems.ts. Change the tables there, then run "npm run docs". -->

Programs decide by the \`code\`, which is stable. An answer over HTTP that is an error is an \`application/problem+json\` document (RFC 9457):
\`type\`, \`title\`, \`status\`, \`detail\` (a sentence about this very case), \`code\` and \`request_id\`, which is in the server's log too. What is
not valid stands in \`errors\`, each with its \`path\` and a \`message\`. A control that is refused tells the \`task_status\` that it saw,
and a part of an id that several tasks have tells their \`task_ids\`, at most ten.

## Answers over HTTP

Where another try may succeed, the header \`Retry-After\` says when.

| code | status | what it means | again after |
|---|--:|---|---|
${answered.join('\n')}

\`STORE_UNAVAILABLE\` says in its detail whether nothing was recorded, or whether that is not known: then look before you try again, or
submit with an idempotency key, which makes every try safe.

## Errors of tasks, and of the library

They stand in the \`error\` of a task, or are thrown by the library. A handler's own errors keep the \`code\` that they have.

| code | what it means |
|---|---|
${stored.join('\n')}

## Errors of the client

\`fermata-tasks/client\` throws a \`FermataError\` with the codes above, \`TASK_FAILED\` and \`CANCELLED\` when it waited for a result, or one of these:

| code | what it means |
|---|---|
${Object.entries(clientErrors)
  .map(([code, meaning]) => `| \`${code}\` | ${meaning} |`)
  .join('\n')}
`
}

/** One arrow for each pair of states, with the names of all moves between them. */
function arrows(): string[] {
  const names = new Map<string, string[]>()
  for (const [name, { from, to }] of Object.entries<Move>(lifecycle)) {
    const stays = from.every((status) => (to as readonly string[]).includes(status))
    for (const source of from.length === 0 ? ['[*]'] : from) {
      for (const target of stays && from.length > 0 ? [source] : to) {
        const pair = `${source} --> ${target}`
        names.set(pair, [...(names.get(pair) ?? []), name])
      }
    }
  }
  return [...names].map(([pair, list]) => `  ${pair}: ${list.join('<br/>')}`)
}

function alive(status: Status): string {
  if (isActive(status)) return 'yes, in a slot'
  return status === 'paused' ? 'perhaps: parked, without a slot' : 'no'
}

function buttons(status: Status): string {
  return controlsFrom(status)
    .map((control) => `\`${control}\``)
    .join(' ')
}

function list(states: readonly Status[]): string {
  return states.length === 0 ? '' : states.map((status) => `\`${status}\``).join(', ')
}
