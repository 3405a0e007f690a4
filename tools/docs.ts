import { settings } from '../src/config.ts'
import { clientErrors, problems, taskErrors, type ProblemKind } from '../src/contract/problems.ts'
import { controlEvents, controlsFrom, lifecycle, meanings, type LifecycleRow } from '../src/core/lifecycle.ts'
import { controls, isActive, isTerminal, statuses, type Status } from '../src/core/task.ts'
import { cliPage } from './derived/cli-page.ts'
import { keep } from './derived/files.ts'
import { performancePage } from './derived/performance-page.ts'
import { proofPage } from './derived/proof-page.ts'

/** Pages derived from the code. `node tools/docs.ts` writes them; with `--check` it only compares. */
keep({
  'docs/lifecycle.md': lifecyclePage,
  'docs/configuration.md': configurationPage,
  'docs/errors.md': errorsPage,
  'docs/cli.md': cliPage,
  'docs/proof.md': proofPage,
  'docs/performance.md': performancePage,
})

function lifecyclePage(): string {
  const rows: readonly LifecycleRow[] = lifecycle
  return `# Task lifecycle

<!-- Written by tools/docs.ts from src/core/lifecycle.ts. Change the table, then run "npm run docs". -->

A task always has one of ${statuses.length} statuses. Each event below is a row of one table in the code (\`src/core/lifecycle.ts\`), from which the
engine, this page and every button derive. Each event raises the task's \`version\` by one and appends an entry to its timeline.

\`\`\`mermaid
stateDiagram-v2
${arrows().join('\n')}
${statuses
  .filter(isTerminal)
  .map((status) => `  ${status} --> [*]`)
  .join('\n')}
\`\`\`

## Statuses

| status | code alive | meaning | controls |
|---|---|---|---|
${statuses.map((status) => `| \`${status}\` | ${alive(status)} | ${meanings[status]} | ${buttons(status)} |`).join('\n')}

## Events

| event | from | to | who | why |
|---|---|---|---|---|
${rows.map(({ event, from, to, who, why }) => `| \`${event}\` | ${list(from)} | ${list(to)} | ${who} | ${why} |`).join('\n')}

*API* is any caller: HTTP, the command line, the page or the library. *node* is the node that runs the task. The *promoter* moves due tasks
into the queue, the *releaser* those whose predecessors have ended, the *expirer* ends tasks that did not start in time, and the *reaper* takes
back the tasks of dead nodes; any node can do any of this.

## Controls

A control that the status does not accept is refused, and the error names the status. Repeating a control while it still holds succeeds
without effect, and so does cancelling a cancelled task.

| control | events |
|---|---|
${controls.map((control) => `| \`${control}\` | ${controlEvents[control].map((name) => `\`${name}\``).join(', ')} |`).join('\n')}
`
}

function configurationPage(): string {
  const rows = Object.values(settings).map(
    ({ variable, flag, default: fallback, help, must }) =>
      `| \`${variable}\` | ${flag === '' ? '' : `\`${flag}\``} | ${fallback === '' ? 'none' : `\`${fallback}\``} | ${help} | ${must} |`,
  )
  return `# Configuration

<!-- Written by tools/docs.ts from src/config.ts. Change the table there, then run "npm run docs". -->

Set environment variables, or pass flags to \`fermata serve\` and \`fermata worker\`; flags take precedence. An invalid value aborts startup with an error that
names it. \`fermata serve --help\` lists the same settings.

| variable | flag | default | meaning | allowed values |
|---|---|---|---|---|
${rows.join('\n')}

Durations are numbers with units: \`250ms\`, \`90s\`, \`10m\`, \`1h30m\`, \`7d\`; a bare number is seconds.

The standard variables of OpenTelemetry (\`OTEL_*\`) turn on [traces](operations.md#traces).

An unknown variable that starts with \`FERMATA_\` also aborts startup; the error suggests the setting you most likely meant. Three kinds are
exempt: the client's \`FERMATA_URL\`, the variables that command tasks receive (\`FERMATA_TASK_ID\` and so on), and those that Kubernetes injects
for a service named \`fermata\` or \`fermata-...\` (\`FERMATA_SERVICE_HOST\`, \`FERMATA_PORT=tcp://...\`, \`FERMATA_PORT_8000_TCP_ADDR\`).

## Database URL

A mistake in the URL aborts startup immediately with exit code 2 and an error that says how to fix it; nothing is opened or created.
Passwords never appear in errors or logs. Prefer \`DATABASE_URL\` to the flag, because every user of the machine can see flags in the process list.

\`sqlite:PATH\` uses the path literally, relative to the current folder or absolute: no \`//\`, no \`~\`, no variables, no options, no encoding.
Missing folders are created. New database files are readable and writable by their owner only (mode 0600). Existing files keep their
mode, so run \`chmod 600\` on a file created by an earlier version or another program.

\`postgres://USER:PASSWORD@HOST:PORT/DATABASE?OPTIONS\` accepts several comma-separated \`HOST:PORT\`. In user, password and database name, write
\`/ ? #\` as \`%2F %3F %23\`, and \`%\` as \`%25\`. Database, user and schema names are limited to 63 bytes. Options:

| option | meaning |
|---|---|
| \`schema\` | schema for the tables; default \`fermata\` |
| \`lease\` | seconds after which a silent node counts as dead, 1 to 3600; default 15 |
| \`sslmode\`, \`sslrootcert\`, \`sslcert\`, \`sslkey\`, \`sslnegotiation\`, \`ssl\`, \`uselibpqcompat\` | encryption, as in the \`pg\` driver |
| \`host\`, \`port\` | folder of a Unix socket, used without a host in the URL; its port |
| \`user\`, \`password\`, \`application_name\`, \`fallback_application_name\`, \`options\` | as in libpq |
| \`statement_timeout\`, \`lock_timeout\`, \`idle_in_transaction_session_timeout\` | milliseconds |
| \`target_session_attrs\` | \`read-write\`, \`primary\` or \`any\`; Fermata always uses the primary |

Only one process can use a SQLite file; a second one is refused. See [Operations](operations.md#backup) for backups.
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

Base program logic on \`code\`: codes are stable, texts are not. HTTP errors are \`application/problem+json\` documents (RFC 9457) with \`type\`,
\`title\`, \`status\`, \`detail\` (a sentence about this case), \`code\` and \`request_id\`, which also appears in the server's log. Validation
errors are listed in \`errors\`, each with a \`path\` and a \`message\`. A refused control includes the \`task_status\`, and an ambiguous partial id
up to ten matching \`task_ids\`.

## HTTP errors

If a retry may succeed, the \`Retry-After\` header says when.

| code | status | meaning | retry after |
|---|--:|---|---|
${answered.join('\n')}

The \`detail\` of \`STORE_UNAVAILABLE\` says whether nothing was recorded or whether the outcome is unknown. If it is unknown, check before you
retry, or submit with an idempotency key, which makes retries safe.

## Task and library errors

These are stored in the \`error\` of a task or thrown by the library. A handler's own errors keep their \`code\`.

| code | meaning |
|---|---|
${stored.join('\n')}

## Client errors

\`fermata-tasks/client\` throws a \`FermataError\` with one of the codes above, \`TASK_FAILED\` or \`CANCELLED\` while waiting for a result, or:

| code | meaning |
|---|---|
${Object.entries(clientErrors)
  .map(([code, meaning]) => `| \`${code}\` | ${meaning} |`)
  .join('\n')}
`
}

/** One arrow per pair of states, with the names of all events between them. */
function arrows(): string[] {
  const names = new Map<string, string[]>()
  for (const { event, from, to } of lifecycle as readonly LifecycleRow[]) {
    const stays = from.every((status) => (to as readonly string[]).includes(status))
    for (const source of from.length === 0 ? ['[*]'] : from) {
      for (const target of stays && from.length > 0 ? [source] : to) {
        const pair = `${source} --> ${target}`
        names.set(pair, [...(names.get(pair) ?? []), event])
      }
    }
  }
  return [...names].map(([pair, list]) => `  ${pair}: ${list.join('<br/>')}`)
}

function alive(status: Status): string {
  if (isActive(status)) return 'yes, in a slot'
  return status === 'paused' ? 'maybe: parked, without a slot' : 'no'
}

function buttons(status: Status): string {
  return controlsFrom(status)
    .map((control) => `\`${control}\``)
    .join(' ')
}

function list(states: readonly Status[]): string {
  return states.length === 0 ? '' : states.map((status) => `\`${status}\``).join(', ')
}
