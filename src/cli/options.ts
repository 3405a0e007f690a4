import { Command, Option } from 'commander'
import type { JsonOption } from './session.ts'
import { each, names, seconds, statusList, time, whole } from './values.ts'

/** `reserved`: names that a parameter cannot have as its flag. */
export function addRunOptions(run: Command, heading = 'Options:'): Command {
  if (heading !== '') run.optionsGroup(heading)
  return run
    .addOption(
      new Option(
        '--json [document]',
        'parameters as JSON: {...}, @FILE or - for the standard input; alone: print JSON',
      )
        .preset('')
        .argParser((text, before: JsonOption | undefined) =>
          text === '' ? { ...before, print: true } : { print: before?.print ?? false, document: text },
        ),
    )
    .option('-w, --watch', 'show its progress until it has ended, then print its result')
    .option('--wait', 'wait silently until it has ended, then print its result')
    .option(
      '--batch <file>',
      'a task for each line of a JSONL file, a line being the parameters; - is the standard input',
    )
    .option('--from-line <number>', 'of the batch: the first line that is submitted', whole(1, 1e15))
    .option('--priority <number>', 'tasks of higher priority start first', whole(-1_000, 1_000))
    .option('--delay <duration>', 'not before so long from now', seconds)
    .option('--run-at <time>', 'not before this time', time('ahead'))
    .option('--timeout <duration>', 'active time that an attempt may take', seconds)
    .option('--max-attempts <number>', 'runs before a failure is final', whole(1, 10_000))
    .option('--backoff <duration>', 'delay before the second attempt; it doubles from then on', seconds)
    .option('--tag <tag>', 'label to find it by; may be repeated', each)
    .option(
      '--idempotency-key <key>',
      'the same key makes the same task only once; lines of a batch bear KEY-LINE',
    )
    .addOption(interruptOption('ask'))
}

/** Flags of `run` itself. */
export function runFlags(): ReadonlySet<string> {
  return new Set(addCommon(addRunOptions(new Command())).options.map(({ long }) => long ?? ''))
}

/** What every command that talks to a server takes. */
export function addCommon(command: Command): Command {
  if (command.options.every(({ long }) => long !== '--json')) {
    command.option('--json', 'print what the API answers, one document a line')
  }
  return command
    .option('-q, --quiet', 'print ids only')
    .option('--url <address>', 'of the server (default: http://localhost:8000, env: FERMATA_URL)')
    .option('--patience <duration>', 'how long a server that is away is tried again', seconds)
}

export function addFilter(command: Command): Command {
  return command
    .option('-s, --status <status>', 'of this status; several with commas', statusList)
    .option('-t, --type <type>', 'of this type; several with commas', names)
    .option('--tag <tag>', 'with this tag')
    .option('--search <text>', 'beginning of an id, or text in the parameters or the error')
    .option('--after <time>', 'created at this time or later: 2h (ago), or a date', time('ago'))
    .option('--before <time>', 'created before this time', time('ago'))
}

export function interruptOption(usual: string): Option {
  return new Option(
    '--on-interrupt <what>',
    `what Ctrl+C does to the tasks that are watched (default: ${usual})`,
  ).choices(['ask', 'leave', 'cancel'])
}
