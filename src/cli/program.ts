import { Command, Option } from 'commander'
import type { Action } from './perform.ts'
import { addCommon, addFilter, addRunOptions, interruptOption } from './options.ts'
import { commanderOutput } from './terminal/outputs.ts'
import { names, seconds, whole } from './values.ts'

/** What the scripts of shells call; nobody types it. */
const completing = '__complete'

/** Adds the commands that talk to a server. What they need is loaded when one of them runs. */
export function addClientCommands(program: Command): Command {
  for (const command of clientCommands()) program.addCommand(command)
  const complete = new Command(completing).argument('[words...]').action(async (words: string[]) => {
    const { printCandidates } = await import('./commands/completion.ts')
    await printCandidates(
      program.commands.filter((command) => command !== complete),
      words,
    )
  })
  return program.addCommand(complete, { hidden: true })
}

/** Whether these words call one of these commands, or ask what words of one can become. */
export function isClientCommand(argv: readonly string[]): boolean {
  const words = argv.slice(2)
  const name = words[0] === completing ? words.find((word) => word !== completing && word !== '--') : words[0]
  return clientCommands().some((command) => command.name() === name || command.aliases().includes(name ?? ''))
}

export function clientCommands(): Command[] {
  const online = [...submitting(), ...watching(), ...finding(), ...controlling(), ...types(), ...server()]
  return [...online.map(addCommon), completion()]
}

function submitting(): Command[] {
  const run = online('run [type] [parameters...]', () => import('./commands/run.ts').then(({ run }) => run))
    .summary('Submit a task')
    .description(
      'Submits a task. Its parameters are flags that come from the type: "fermata run TYPE --help" lists them.',
    )
    // The flags of a type are only known once the server has told them.
    .allowUnknownOption()
    .helpOption(false)
  return [addRunOptions(run, '')]
}

function watching(): Command[] {
  return [
    online('status <id...>', () => import('./commands/status.ts').then(({ status }) => status))
      .summary('Show how tasks stand')
      .description('Shows how tasks stand.')
      .option('--full', 'with parameters, attempts and timeline'),
    online('result <id>', () => import('./commands/result.ts').then(({ result }) => result))
      .summary('Print the result of a task')
      .description('Prints what a task returned, as JSON. Its exit code tells how the task ended.')
      .option('--wait [duration]', 'wait until it has ended, at most so long', seconds)
      .option('-r, --raw', 'print a text without its quotes'),
    online('watch [id...]', () => import('./commands/watch.ts').then(({ watch }) => watch))
      .summary('Show tasks as they go on')
      .description(
        'Shows tasks as bars that move, until all of them have ended; without ids all that run, until Ctrl+C. In a pipe: a line for each thing that happens.',
      )
      .addOption(interruptOption('leave'))
      .option('--type <type>', 'without ids: of this type; may be repeated', names)
      .option('--tag <tag>', 'without ids: with this tag'),
    online('logs <id>', () => import('./commands/logs.ts').then(({ logs }) => logs))
      .summary('Print what a task has logged')
      .description('Prints the lines that a task has logged.')
      .option('-f, --follow', 'go on until it has ended'),
    online('explain <id>', () => import('./commands/explain.ts').then(({ explain }) => explain))
      .summary('Say why a task waits')
      .description('Says why a task does not run now, and when it will.'),
  ]
}

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
  const wait = new Option('--wait <duration>', 'wait at most so long until it is done').argParser(seconds)
  return [
    control(
      'pause',
      'Pause tasks',
      'Pauses tasks, running ones too: they keep their progress and give their slots back.',
    ).addOption(wait),
    control('resume', 'Resume paused tasks', 'Lets paused tasks go on from where they were.').addOption(wait),
    control('cancel', 'Cancel tasks', 'Stops tasks. Their records remain.').addOption(wait),
    control(
      'retry',
      'Run failed or cancelled tasks again',
      'Runs failed or cancelled tasks once more, from their last checkpoints.',
    )
      .addOption(wait)
      .addOption(
        new Option('--from <place>', 'where they begin: checkpoint (default) or start').choices([
          'checkpoint',
          'start',
        ]),
      ),
    control('purge', 'Delete records of ended tasks', 'Deletes the records of tasks that have ended.'),
    addFilter(
      online('bulk <action>', () => import('./commands/bulk.ts').then(({ bulk }) => bulk))
        .summary('Act on all tasks of a filter')
        .description(
          'Pauses, resumes, cancels or retries all tasks of a filter, however many there are; or purges them: deletes the records of those that have ended.',
        ),
    )
      .option('-n, --dry-run', 'only count them')
      .option('-y, --yes', 'do not ask'),
  ]
}

function finding(): Command[] {
  return [
    addFilter(
      online('list', () => import('./commands/list.ts').then(({ list }) => list))
        .alias('ls')
        .summary('List tasks')
        .description(
          'Lists tasks, the newest first: the newest 50 on a terminal, all in a pipe, with --json or with --quiet.',
        ),
    )
      .addOption(
        new Option('--order <order>', 'by the time of submission: newest (first) or oldest').choices([
          'newest',
          'oldest',
        ]),
      )
      .option('-l, --limit <number>', 'at most so many', whole(1, 1e12))
      .option('-a, --all', 'all of them'),
  ]
}

function types(): Command[] {
  return [
    online('types [type]', () => import('./commands/types.ts').then(({ types }) => types))
      .summary('Show what can be run')
      .description('Shows the task types of the server, or one with its parameters.'),
    online('hold <type...>', () => import('./commands/hold.ts').then(({ hold }) => hold))
      .summary('Start nothing more of a type')
      .description('Starts nothing more of these types until they are released; what runs goes on.'),
    online('release <type...>', () => import('./commands/hold.ts').then(({ release }) => release))
      .summary('Lift the hold of a type')
      .description('Lifts the hold of types.'),
  ]
}

function server(): Command[] {
  return [
    online('stats', () => import('./commands/stats.ts').then(({ stats }) => stats))
      .summary('Show figures of the server')
      .description('Shows how many tasks there are, how fast they move, and what the slots do.'),
    online('top', () => import('./commands/top.ts').then(({ top }) => top))
      .summary('Watch the server, full-screen')
      .description('Shows slots, queue, rates and running tasks on the whole screen, live. q ends it.')
      .option('--interval <duration>', 'between two looks', seconds),
    online('bench', () => import('./commands/bench.ts').then(({ bench }) => bench))
      .summary('Measure the server')
      .description(
        'Submits small tasks of the type add, waits for them, reads them, and deletes them again: how many a second, and how long a call takes. They compete with all that runs there.',
      )
      .option('-n, --tasks <number>', 'how many; 1,000 unless told otherwise', whole(1, 1_000_000))
      .option('-c, --callers <number>', 'calls at once; 50 unless told otherwise', whole(1, 1_000)),
  ]
}

function completion(): Command {
  return new Command('completion')
    .configureOutput(commanderOutput)
    .argument('<shell>', 'bash or zsh')
    .summary('Print the completion for a shell')
    .description(
      'Prints a script that completes commands, flags, types and ids. For bash: eval "$(fermata completion bash)"; for zsh: eval "$(fermata completion zsh)".',
    )
    .allowExcessArguments(false)
    .action(async (shell: string) => {
      const { printCompletion } = await import('./commands/completion.ts')
      await printCompletion(shell)
    })
}

/** A command that talks to a server, with the options that all of them have. */
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
