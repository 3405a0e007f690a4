import { listOrders } from '../core/filter.ts'
import { Command, Option } from 'commander'
import { catchUpModes, overlaps } from '../core/schedule-choices.ts'
import type { OpenLocal } from './commands/keys.ts'
import type { Action } from './perform.ts'
import { addCommon, addFilter, addRunOptions, interruptOption } from './options.ts'
import { commanderOutput } from './terminal/outputs.ts'
import {
  auditAction,
  each,
  limitKey,
  names,
  rateLimit,
  scope,
  seconds,
  startRate,
  time,
  times,
  whole,
} from './values.ts'

/** Called by shell scripts; nobody types it. */
const completing = '__complete'

/** Adds the commands that talk to a server. Their modules are loaded when they run. */
/** `openLocal`: opens the keys in a database, for when no server runs. */
export function addClientCommands(program: Command, openLocal?: OpenLocal): Command {
  for (const command of clientCommands(openLocal)) program.addCommand(command)
  const complete = new Command(completing).argument('[words...]').action(async (words: string[]) => {
    const { printCandidates } = await import('./commands/completion.ts')
    await printCandidates(
      program.commands.filter((command) => command !== complete),
      words,
    )
  })
  return program.addCommand(complete, { hidden: true })
}

/** Whether these arguments call one of these commands, or ask for completions of one. */
export function isClientCommand(argv: readonly string[]): boolean {
  const words = argv.slice(2)
  const name = words[0] === completing ? words.find((word) => word !== completing && word !== '--') : words[0]
  return clientCommands().some((command) => command.name() === name || command.aliases().includes(name ?? ''))
}

export function clientCommands(openLocal?: OpenLocal): Command[] {
  const tasks = [...submitting(), ...watching(), ...finding(), ...controlling()]
  const online = [
    ...tasks,
    ...types(),
    ...schedules(),
    ...limits(),
    ...webhooks(),
    ...server(),
    ...access(openLocal),
    ...agents(),
  ]
  return [...online.map(addCommon), completion()]
}

function submitting(): Command[] {
  const run = online('run [type] [parameters...]', () => import('./commands/run.ts').then(({ run }) => run))
    .summary('Submit a task')
    .description(
      'Submits a task. Its parameters are flags defined by the type: "fermata run TYPE --help" lists them.',
    )
    // The flags of a type are only known once the server has sent them.
    .allowUnknownOption()
    .helpOption(false)
  return [addRunOptions(run, '')]
}

function watching(): Command[] {
  return [
    online('status <id...>', () => import('./commands/status.ts').then(({ status }) => status))
      .summary('Show the status of tasks')
      .description('Shows the status of tasks.')
      .option('--full', 'include parameters, attempts and timeline'),
    online('result <id>', () => import('./commands/result.ts').then(({ result }) => result))
      .summary('Print the result of a task')
      .description('Prints the result of a task as JSON. The exit code says how the task ended.')
      .option('--wait [duration]', 'wait for the task to finish; with a duration, at most this long', seconds)
      .option('-r, --raw', 'print a string without quotes'),
    online('watch [id...]', () => import('./commands/watch.ts').then(({ watch }) => watch))
      .summary('Show live progress of tasks')
      .description(
        'Shows live progress bars until all given tasks have finished; without ids, all running tasks until Ctrl+C. In a pipe, prints a line per event.',
      )
      .addOption(interruptOption('leave'))
      .option('--type <type>', 'without ids: only tasks of this type; repeatable', names)
      .option('--tag <tag>', 'without ids: only tasks with this tag'),
    online('listen', () => import('./commands/listen.ts').then(({ listen }) => listen))
      .summary('Print live events of all tasks')
      .description(
        'Prints what happens to tasks from now on until Ctrl+C, a line per event. With --json, a document per event.',
      )
      .option('--type <type>', 'only tasks of this type; repeatable', names)
      .option('--tag <tag>', 'only tasks with this tag')
      .addOption(
        new Option('--kind <kind...>', 'only these events').choices(['transition', 'progress', 'log']),
      ),
    online('logs <id>', () => import('./commands/logs.ts').then(({ logs }) => logs))
      .summary('Print the log of a task')
      .description('Prints the log lines of a task.')
      .option('-f, --follow', 'keep printing until the task has finished'),
    online('steps <id>', () => import('./commands/steps.ts').then(({ steps }) => steps))
      .summary('Print the steps of a task')
      .description('Prints the steps that a task has stored, which later runs of it do not repeat.'),
    online('tree <id>', () => import('./commands/tree.ts').then(({ tree }) => tree))
      .summary('Print a task and its children')
      .description('Prints a task, the tasks that it has started, and those that these have started.')
      .option('--depth <number>', 'levels of children', whole(0, 20), 3)
      .option('-l, --limit <number>', 'children of each task, the oldest first', whole(1, 1_000), 20),
    online('waits [id]', () => import('./commands/waits.ts').then(({ waits }) => waits))
      .summary('Print what waits for an answer')
      .description(
        'Prints what waits for an answer, of all tasks or of one. With --all, also what was answered, timed out or ended.',
      )
      .option('-t, --type <type>', 'only waits of tasks of this type')
      .option('--name <name>', 'only waits with this name')
      .option('-a, --all', 'also those that are closed')
      .option('-l, --limit <number>', 'maximum number of waits (default: 100)', whole(1, 1e6)),
    online('answer <words...>', () => import('./commands/answer.ts').then(({ answer }) => answer))
      .summary('Answer a wait of a task')
      .description(
        'Answers a wait of a task: ID NAME VALUE, or TOKEN VALUE. The value is JSON; anything else is text. The first answer counts.',
      )
      .addOption(auditReason),
    online('explain <id>', () => import('./commands/explain.ts').then(({ explain }) => explain))
      .summary('Explain why a task is waiting')
      .description('Explains why a task is not running now, and when it is expected to start.'),
  ]
}

const reason = new Option('--reason <text>', 'why, for the timeline and the audit log')
const auditReason = new Option('--reason <text>', 'why, for the audit log')

function controlling(): Command[] {
  const control = (
    name: 'pause' | 'resume' | 'cancel' | 'retry' | 'purge',
    summary: string,
    description: string,
  ) =>
    online(`${name} <id...>`, () =>
      import('./commands/control.ts').then(({ controlled }) => controlled(name)),
    )
      .summary(summary)
      .description(description)
  const wait = new Option('--wait <duration>', 'wait up to this long for it to take effect').argParser(
    seconds,
  )
  return [
    control(
      'pause',
      'Pause tasks',
      'Pauses tasks, including running ones. They keep their progress and free their slots.',
    )
      .addOption(wait)
      .addOption(reason),
    control('resume', 'Resume paused tasks', 'Resumes paused tasks where they left off.')
      .addOption(wait)
      .addOption(reason),
    control('cancel', 'Cancel tasks', 'Cancels tasks. Their records are kept.')
      .addOption(wait)
      .addOption(reason),
    control(
      'retry',
      'Run failed or cancelled tasks again',
      'Runs failed or cancelled tasks again, from their last checkpoints.',
    )
      .addOption(wait)
      .addOption(reason)
      .addOption(
        new Option('--from <place>', 'where to start: checkpoint (default) or start').choices([
          'checkpoint',
          'start',
        ]),
      ),
    control(
      'purge',
      'Delete finished tasks',
      'Deletes finished tasks with their results, logs and timelines.',
    ).addOption(auditReason),
    addFilter(
      online('bulk <action>', () => import('./commands/bulk.ts').then(({ bulk }) => bulk))
        .summary('Act on all tasks that match a filter')
        .description(
          'Pauses, resumes, cancels, retries or purges all tasks that match a filter. Purge deletes finished tasks.',
        ),
    )
      .option('-n, --dry-run', 'only count matching tasks')
      .addOption(reason)
      .option('-y, --yes', 'do not ask for confirmation'),
  ]
}

function finding(): Command[] {
  return [
    addFilter(
      online('list', () => import('./commands/list.ts').then(({ list }) => list))
        .alias('ls')
        .summary('List tasks')
        .description(
          'Lists tasks, newest first: the first 50 on a terminal, all of them in a pipe or with --json or --quiet.',
        ),
    )
      .addOption(
        new Option(
          '--order <order>',
          'by submission (default: newest), by end, or by how long tasks ran, among the newest 10,000 that have finished',
        ).choices(listOrders),
      )
      .option('-l, --limit <number>', 'maximum number of tasks', whole(1, 1e12))
      .option('-a, --all', 'list all tasks'),
    online('runs', () => import('./commands/runs.ts').then(({ runs }) => runs))
      .summary('Show what tasks did in a time')
      .description(
        'Shows what tasks did in a time, by default in the last hour: those that run or are paused, those that ended, and those that wait. With --json, prints the statuses of each task over time.',
      )
      .option('--from <time>', 'leave out what ended before this time: 2h (ago), or a date', time('ago'))
      .option('--until <time>', 'leave out what was submitted at or after this time', time('ago'))
      .option('-t, --type <type>', 'only these types, comma-separated', names)
      .option('--tag <tag>', 'only tasks with this tag')
      .option('--created-by <name>', 'only tasks submitted by the caller of this name')
      .option('-l, --limit <number>', 'maximum number of tasks', whole(1, 2_000)),
    online('failures', () => import('./commands/failures.ts').then(({ failures }) => failures))
      .summary('Group failed tasks by cause')
      .description(
        'Groups failed tasks by cause, the latest failure first. The tasks of a group: list --fingerprint DIGITS. To run them again: bulk retry --fingerprint DIGITS. With --quiet, prints the fingerprints.',
      )
      .option('-t, --type <type>', 'only these types, comma-separated', names)
      .option('--tag <tag>', 'only tasks with this tag')
      .option('--created-by <name>', 'only tasks submitted by the caller of this name')
      .addOption(
        new Option('--span <span>', 'failed within: 7d (default)').choices(['1h', '24h', '7d', '30d']),
      )
      .option('-l, --limit <number>', 'maximum number of groups', whole(1, 1_000)),
  ]
}

function types(): Command[] {
  return [
    online('types [type]', () => import('./commands/types.ts').then(({ types }) => types))
      .summary('Show the task types')
      .description('Lists the task types of the server, or shows one type with its parameters.'),
    online('hold <type...>', () => import('./commands/hold.ts').then(({ hold }) => hold))
      .summary('Stop starting tasks of a type')
      .description('Stops starting tasks of these types until you release them. Running tasks continue.')
      .addOption(new Option('--reason <text>', 'why, shown with the type and in the audit log')),
    online('release <type...>', () => import('./commands/hold.ts').then(({ release }) => release))
      .summary('Release a held type')
      .description('Releases held types.')
      .addOption(auditReason),
  ]
}

function server(): Command[] {
  return [
    online('stats', () => import('./commands/stats.ts').then(({ stats }) => stats))
      .summary('Show server statistics')
      .description('Shows task counts, rates and slots.'),
    online('backup <file>', () => import('./commands/backup.ts').then(({ backup }) => backup))
      .summary('Back up the embedded database')
      .description(
        'Saves a copy of the SQLite database of a running server, with everything acknowledged before the call. The server checks the copy. For PostgreSQL, use its own backups.',
      )
      .option('-f, --force', 'replace an existing file'),
    online('top', () => import('./commands/top.ts').then(({ top }) => top))
      .summary('Watch the server, full screen')
      .description('Shows slots, queue, rates and running tasks live on the full screen. Press q to quit.')
      .option('--interval <duration>', 'time between updates (default: 0.5s)', seconds),
    online('bench', () => import('./commands/bench.ts').then(({ bench }) => bench))
      .summary('Benchmark the server')
      .description(
        'Submits small tasks of type add, waits for them, reads them and deletes them, and reports throughput and latency. They compete with the other tasks on the server.',
      )
      .option('-n, --tasks <number>', 'number of tasks (default: 1,000)', whole(1, 1_000_000))
      .option('-c, --callers <number>', 'concurrent calls (default: 50)', whole(1, 1_000)),
  ]
}

function schedules(): Command[] {
  return [
    online('schedule <action> [words...]', () =>
      import('./commands/schedule.ts').then(({ schedule }) => schedule),
    )
      .summary('Submit tasks at times')
      .description(
        'Manages schedules: schedule add "0 9 * * 1-5" TYPE, schedule add TYPE --every 15m, schedule list, and show, ticks, pause, resume, run, backfill and delete with an ID. Before it adds a schedule, it says in words when it ticks, and shows the next ticks.',
      )
      .option('--id <id>', 'add: its id; default: a new one')
      .option('-p, --parameters <json>', 'add: parameters of each task as JSON: {...} or @FILE')
      .option('--timezone <name>', 'add: IANA name of the time zone of the expression (default: UTC)')
      .option('--every <duration>', 'add: time between ticks, instead of an expression', seconds)
      .option('--offset <duration>', 'add: shifts the ticks of --every', seconds)
      .option(
        '--from <time>',
        'add: no tick before this time, as a date or 2h (from now); backfill: start of the range, as a date or 2d (ago)',
        times,
      )
      .option(
        '--until <time>',
        'add: no tick after this time; backfill: end of the range (default: now)',
        times,
      )
      .option('--jitter <duration>', 'add: each task starts up to this long after its tick', seconds)
      .addOption(
        new Option('--overlap <rule>', 'add, backfill: what to do while a task of it is unfinished').choices([
          ...overlaps,
        ]),
      )
      .addOption(
        new Option('--catch-up <mode>', 'add: what to do with ticks that came while no node ran').choices([
          ...catchUpModes,
        ]),
      )
      .option('--window <duration>', 'add: with --catch-up: ticks that are later are skipped', seconds)
      .option('--max <number>', 'add: with --catch-up all: how many ticks run', whole(1, 1_000))
      .option('--pause-on-failures <number>', 'add: it pauses itself after so many in a row', whole(1, 20))
      .option('--paused', 'add: it does not tick until it is resumed')
      .option('--description <text>', 'add: for people')
      .option('--tag <tag>', 'add: label of each task; repeatable', each)
      .option('--priority <number>', 'add: priority of each task', whole(-1_000, 1_000))
      .option('--limit-key <name=key>', 'add: its tasks start under this limit; repeatable', limitKey)
      .option('--fairness-key <key>', 'add: tasks with different keys take turns')
      .option('--callback-url <url>', 'add: told of the end of each task')
      .option('--expires-in <duration>', 'add: cancel a task that has not started within this time', seconds)
      .option('--timeout <duration>', 'add: maximum active time per attempt', seconds)
      .option('--max-attempts <number>', 'add: attempts before a failure is final', whole(1, 10_000))
      .option('--dry-run', 'add: only say when it would tick')
      .option('-l, --limit <number>', 'ticks: how many, newest first (default: 50)', whole(1, 1_000))
      .option('--reason <text>', 'pause: why'),
  ]
}

function limits(): Command[] {
  return [
    online('limits [action] [name]', () => import('./commands/limits.ts').then(({ limits }) => limits))
      .summary('Bound how many tasks run, and how often they start')
      .description(
        'Shows and sets limits: limits, limits show NAME with its keys, limits set NAME --concurrency 10 --rate 100/1m --max-queued 1000, and limits delete NAME. The next start goes by it; running tasks are not affected.',
      )
      .option('--concurrency <number>', 'set: how many tasks of a key run at once', whole(1, 1_000_000))
      .option(
        '--rate <number/duration>',
        'set: how often they start: 100/1m is at most 100 at once, then one every 600 ms',
        startRate,
      )
      .option(
        '--max-queued <number>',
        'set: how many tasks of a key may wait; further submits are refused',
        whole(1, 10_000),
      )
      .addOption(
        new Option('--scope <scope>', 'set: counted over all nodes (default), or for each node').choices([
          'global',
          'node',
        ]),
      )
      .option('--blocked', 'show: only keys for which tasks wait')
      .option('--key <key>', 'show: only this key')
      .option('-l, --limit <number>', 'show: how many keys (default: 100)', whole(1, 1_000))
      .option('--reason <text>', 'set, delete: why, for the audit log'),
  ]
}

function webhooks(): Command[] {
  return [
    online('webhook [action] [id...]', () => import('./commands/webhook.ts').then(({ webhook }) => webhook))
      .summary('Tell other systems what happens to tasks')
      .description(
        'Shows and changes webhooks: webhook list, webhook show ID, webhook create URL --event task.completed, webhook pause, resume, rotate, test and delete ID, webhook deliveries ID with attempts and errors, and webhook redeliver ID DELIVERY, or --after and --before for dead ones of a time. The id callbacks stands for the callbacks of all tasks.',
      )
      .option('--event <event>', 'create: task.completed, task.failed and so on, or task.*; repeatable', each)
      .option('--type <type>', 'create: only tasks of this type; repeatable', each)
      .option('--tag <tag>', 'create: only tasks with this tag; repeatable', each)
      .option('--paused', 'create: paused')
      .option(
        '--overlap <duration>',
        'rotate: how long the current secret signs as well (default: 24h)',
        seconds,
      )
      .addOption(
        new Option('--status <status>', 'deliveries: only those with this status').choices([
          'pending',
          'delivered',
          'dead',
        ]),
      )
      .option('-l, --limit <number>', 'deliveries: how many (default: 100)', whole(1, 1_000))
      .option('--after <time>', 'redeliver: dead deliveries created at or after this time', time('ago'))
      .option('--before <time>', 'redeliver: dead deliveries created before this time', time('ago'))
      .option('--reason <text>', 'why, for the audit log'),
  ]
}

function access(openLocal: OpenLocal | undefined): Command[] {
  return [
    online('keys <action> [key]', () => import('./commands/keys.ts').then(({ keys }) => keys(openLocal)))
      .summary('Manage keys')
      .description(
        'Creates, lists, rotates and revokes keys: keys create NAME, keys list, keys rotate KEY, keys revoke KEY. Works on the server, or on the database if no server runs here. From the first key on, every call needs one; set FERMATA_API_KEY to use it.',
      )
      .option(
        '--scope <scope>',
        'create: what it allows: read, run, control, worker, admin; repeatable',
        scope,
      )
      .option('-t, --type <type>', 'create: limit it to this type; repeatable', each)
      .option('--tag <tag>', 'create: limit it to tasks with this tag; repeatable', each)
      .option(
        '--expires <time>',
        'create: not valid from this time on: 90d (from now), or a date',
        time('ahead'),
      )
      .option(
        '--rate-limit <limit>',
        'create: how many requests it may make: 100/1m is 100 at once, given back evenly over a minute; each node counts for itself',
        rateLimit,
      )
      .option('--overlap <duration>', 'rotate: how long the current secret remains valid', seconds)
      .addOption(auditReason)
      .option('--database <url>', 'work on this database instead of a server'),
    online('audit', () => import('./commands/audit.ts').then(({ audit }) => audit))
      .summary('Show who changed what')
      .description(
        'Lists the audit log, newest first: the newest 50 entries on a terminal, all of them in a pipe or with --json, which exports one entry per line. Needs a key with the scope admin.',
      )
      .option('--caller <name>', 'only changes by the caller of this name')
      .option('--action <action>', 'only this action, like task.cancel or key.create', auditAction)
      .option('--task <id>', 'only changes of this task')
      .option('--after <time>', 'at or after this time: 2h (ago), or a date', time('ago'))
      .option('--before <time>', 'before this time', time('ago'))
      .option('-l, --limit <number>', 'maximum number of entries', whole(1, 1e12))
      .option('-a, --all', 'list all entries'),
  ]
}

function agents(): Command[] {
  return [
    online('mcp', () => import('./commands/mcp.ts').then(({ mcp }) => mcp))
      .summary('Give agents the tasks as tools')
      .description(
        'Speaks the Model Context Protocol on standard input and output, for agents that start their tools as programs; others use /mcp of the server. Set FERMATA_API_KEY to a key that allows only what the agent should do.',
      ),
  ]
}

function completion(): Command {
  return new Command('completion')
    .configureOutput(commanderOutput)
    .argument('<shell>', 'bash or zsh')
    .summary('Print a shell completion script')
    .description(
      'Prints a shell script that completes commands, flags, types and ids. For bash: eval "$(fermata completion bash)"; for zsh: eval "$(fermata completion zsh)".',
    )
    .allowExcessArguments(false)
    .action(async (shell: string) => {
      const { printCompletion } = await import('./commands/completion.ts')
      await printCompletion(shell)
    })
}

/** A command that talks to a server, with the common options. */
function online(usage: string, load: () => Promise<Action>): Command {
  const [name = '', ...parameters] = usage.split(' ')
  const command = new Command(name)
    .allowExcessArguments(false)
    .configureHelp({ optionDescription: ({ description }) => description })
    .configureOutput(commanderOutput)
  for (const parameter of parameters) command.argument(parameter)
  command.action(async () => {
    const [{ perform }, action] = await Promise.all([import('./perform.ts'), load()])
    await perform(action, command)
  })
  return command
}
