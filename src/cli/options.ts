import { Command, Option } from 'commander'
import { conflictActions, uniqueSpans } from '../core/unique-options.ts'
import type { JsonOption } from './session.ts'
import { each, limitKey, names, seconds, statusList, time, whole } from './values.ts'

export function addRunOptions(run: Command, heading = 'Options:'): Command {
  if (heading !== '') run.optionsGroup(heading)
  return run
    .addOption(
      new Option(
        '--json [document]',
        'parameters as JSON: {...}, @FILE, or - for standard input; without a value: print JSON',
      )
        .preset('')
        .argParser((text, before: JsonOption | undefined) =>
          text === '' ? { ...before, print: true } : { print: before?.print ?? false, document: text },
        ),
    )
    .option('-w, --watch', 'show progress until the task has finished, then print its result')
    .option('--wait', 'wait silently until the task has finished, then print its result')
    .option(
      '--batch <file>',
      'submit a task for each line of a JSONL file, with the line as its parameters; - is standard input',
    )
    .option('--from-line <number>', 'with --batch: the line to start from', whole(1, 1e15))
    .option('--priority <number>', 'tasks with a higher priority start first', whole(-1_000, 1_000))
    .option('--delay <duration>', 'start after this delay', seconds)
    .option('--run-at <time>', 'start at this time or later', time('ahead'))
    .option('--expires-in <duration>', 'cancel it if it has not started within this time', seconds)
    .option('--timeout <duration>', 'maximum active time per attempt', seconds)
    .option('--max-attempts <number>', 'attempts before a failure is final', whole(1, 10_000))
    .option('--backoff <duration>', 'delay before the second attempt; doubles after each attempt', seconds)
    .option('--tag <tag>', 'label for finding the task; repeatable', each)
    .option('--limit-key <name=key>', 'start it under this limit, with this key; repeatable', limitKey)
    .option('--fairness-key <key>', 'tasks with different keys take turns')
    .option('--callback-url <url>', 'told of the end of the task')
    .option(
      '--idempotency-key <key>',
      'submitting again with the same key returns the original task; batch lines use KEY-LINE',
    )
    .option('--unique <key>', 'at most one task of the type has this key at a time')
    .addOption(
      new Option(
        '--unique-while <state>',
        'how long a task keeps its key: until it starts, or until it ends',
      ).choices(uniqueSpans),
    )
    .option('--unique-for <duration>', 'the key is free after this time in any case', seconds)
    .addOption(
      new Option('--on-conflict <action>', 'what to do if another task has the key').choices(conflictActions),
    )
    .option('--after <id>', 'start once this task has completed; repeatable', each)
    .addOption(
      new Option('--on-failure <what>', 'what to do if one of these fails or is cancelled').choices([
        'cancel',
        'fail',
        'run',
      ]),
    )
    .option(
      '--debounce <key>',
      'until the task starts, a submit with the same key only gives it newer parameters',
    )
    .option('--debounce-delay <duration>', 'start after this time without another submit', seconds)
    .option('--debounce-max <duration>', 'maximum time from the first submit', seconds)
    .addOption(interruptOption('ask'))
}

/** Flags of `run` itself. A parameter of such a name needs another flag. */
export function runFlags(): ReadonlySet<string> {
  return new Set(addCommon(addRunOptions(new Command())).options.map(({ long }) => long ?? ''))
}

/** Options of every command that talks to a server. */
export function addCommon(command: Command): Command {
  if (command.options.every(({ long }) => long !== '--json')) {
    command.option('--json', 'print API responses, one JSON document per line')
  }
  return command
    .option('-q, --quiet', 'print ids only')
    .option('--url <address>', 'address of the server (default: http://localhost:8000, env: FERMATA_URL)')
    .option(
      '--patience <duration>',
      'how long to retry when the server is unreachable (default: 60s for long-running commands; others fail immediately)',
      seconds,
    )
}

export function addFilter(command: Command): Command {
  return command
    .option('-s, --status <status>', 'only these statuses, comma-separated', statusList)
    .option('-t, --type <type>', 'only these types, comma-separated', names)
    .option('--tag <tag>', 'only tasks with this tag')
    .option('--created-by <name>', 'only tasks submitted by the caller of this name')
    .option('--parent <id>', 'only children of this task: its full id')
    .option('--fingerprint <digits>', 'only failed tasks of this failure group')
    .option('--took-min <duration>', 'only finished tasks that ran for at least this time', seconds)
    .option('--took-max <duration>', 'only finished tasks that ran for at most this time', seconds)
    .option('--search <text>', 'beginning of an id, or text in parameters or error')
    .option('--after <time>', 'created at or after this time: 2h (ago), or a date', time('ago'))
    .option('--before <time>', 'created before this time', time('ago'))
}

export function interruptOption(usual: string): Option {
  return new Option('--on-interrupt <what>', `what Ctrl+C does to watched tasks (default: ${usual})`).choices(
    ['ask', 'leave', 'cancel'],
  )
}
