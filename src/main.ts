#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { addClientCommands, isClientCommand } from './cli/program.ts'
import { version } from './version.ts'

// A command that only talks to a server does not wait until the parts of the server are loaded.
const operator = isClientCommand(process.argv) ? undefined : await import('./main/commands.ts')

/** The command line: commands of operators, which run nodes, and those that talk to one. */
function program(): Command {
  const made = new Command('fermata')
    .description(
      'A self-hosted task manager: queue, watch, pause, resume and cancel each task while it runs.',
    )
    .version(version, '-V, --version')
  for (const command of operator?.operatorCommands() ?? []) made.addCommand(command)
  return addClientCommands(made)
}

try {
  const command = program().exitOverride()
  for (const sub of command.commands) sub.exitOverride()
  await command.parseAsync()
  process.exit()
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2)
  const [line, code] = operator?.explained(error) ?? [
    error instanceof Error ? (error.stack ?? error.message) : String(error),
    1,
  ]
  if (line !== '') process.stderr.write(`fermata: ${line}\n`)
  process.exit(code)
}
