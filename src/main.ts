#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { addClientCommands, isClientCommand } from './cli/program.ts'
import { commanderOutput, endProgram, tell, tellFault, watchOutputs } from './cli/terminal/outputs.ts'
import { leaveFirstProcess } from './main/first-process.ts'
import { version } from './version.ts'

if (!isClientCommand(process.argv)) leaveFirstProcess()
watchOutputs()

// Commands that only talk to a server do not load the parts of the server.
const operator = isClientCommand(process.argv) ? undefined : await import('./main/commands.ts')

/** The command line: commands for operators, which run nodes, and commands that talk to a node. */
function program(): Command {
  const made = new Command('fermata')
    .description(
      'A self-hosted task manager: queue, watch, pause, resume and cancel each task while it runs.',
    )
    .version(version, '-V, --version')
    .configureOutput(commanderOutput)
  for (const command of operator?.operatorCommands() ?? []) made.addCommand(command)
  return addClientCommands(made, async (database) => {
    const { openLocalKeys } = await import('./main/local-keys.ts')
    return openLocalKeys(database)
  })
}

try {
  const command = program().exitOverride()
  for (const sub of command.commands) sub.exitOverride()
  await command.parseAsync()
  await endProgram(Number(process.exitCode ?? 0))
} catch (error) {
  if (error instanceof CommanderError) await endProgram(error.exitCode === 0 ? 0 : 2)
  const [line, code] = operator?.explained(error) ?? [undefined, 1]
  if (line === undefined) tellFault(error)
  else if (line !== '') tell(line)
  await endProgram(code)
}
