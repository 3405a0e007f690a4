import { CommanderError, type Command } from 'commander'
import { exitCodeOf, exitCodes, sentenceOf, type ExitCode } from './exit.ts'
import { safe } from './terminal/text.ts'
import { Session, defaultUrl, type CommonOptions } from './session.ts'

/** The action of a command. Returning no exit code means success. */
export type Action = (session: Session, command: Command) => Promise<ExitCode | void>

/** Runs the action of a command and sets the exit code of the process; errors are reported in one sentence. */
export async function perform(action: Action, command: Command): Promise<void> {
  const options = command.opts<CommonOptions>()
  try {
    const session = new Session(options)
    process.exitCode = (await action(session, command)) ?? 0
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? exitCodes.completed : exitCodes.usage
      return
    }
    const url = options.url ?? (process.env['FERMATA_URL'] || defaultUrl)
    process.exitCode = exitCodeOf(error)
    process.stderr.write(safe`fermata: ${sentenceOf(error, url.replace(/\/+$/, ''))}\n`.text)
  }
}
