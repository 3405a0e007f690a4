import { getSystemErrorMap } from 'node:util'
import type { OutputConfiguration } from 'commander'
import { exitCodes } from '../exit.ts'
import { visible, visibleLines } from './text.ts'

/** The two outputs of this process: what happens when one of them takes nothing, and the end of the program. */

/** Taken before a server replaces it, so that code of tasks cannot end the process. */
const exit = process.exit.bind(process)

let lost: NodeJS.ErrnoException | undefined
let isErrorOutputLost = false
let mustFinish = false

/** From here on, an output that takes nothing ends the program with one line; a reader who has seen enough ends it quietly. */
export function watchOutputs(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    lost ??= error
    if (!mustFinish) exit(endOf(error.code === 'EPIPE' ? Number(process.exitCode ?? 0) : 0))
  })
  // Nothing that counts goes there: a command is not ended for it.
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    isErrorOutputLost ||= error.code !== 'EPIPE'
  })
}

/** For what changes something: it is done although nobody can read about it, and the end tells. */
export function finishWithoutOutput(): void {
  mustFinish = true
}

/** Ends the program once everything is written. */
export async function endProgram(code: number): Promise<never> {
  for (const output of [process.stdout, process.stderr]) {
    if (output.writableLength > 0) await new Promise((resolve) => output.write('', resolve))
  }
  // A failed write is told one turn later.
  await new Promise((resolve) => setImmediate(resolve))
  return exit(endOf(code))
}

/** The exit code, after the line that explains it. */
function endOf(code: number): number {
  if (lost === undefined || lost.code === 'EPIPE') {
    return code === exitCodes.completed && isErrorOutputLost ? exitCodes.unwritten : code
  }
  const { errno = 0, code: name = '', message } = lost
  const reason = getSystemErrorMap().get(errno)?.[1] ?? message
  tell(`cannot write the output: ${reason} (${name})`)
  return exitCodes.unwritten
}

/** One line of this program on the error output. */
export function tell(line: string): void {
  process.stderr.write(`fermata: ${visible(line)}\n`)
}

/** What went wrong here, with its stack. */
export function tellFault(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.stderr.write(`fermata: ${visibleLines(text)}\n`)
}

/** How commander writes help and mistakes, which hold words that were typed or came from a server. */
export const commanderOutput: OutputConfiguration = {
  writeOut: (text) => process.stdout.write(visibleLines(text)),
  writeErr: (text) => process.stderr.write(visibleLines(text)),
  outputError: (text, write) => write(text.replace(/^error: /, 'fermata: ')),
}
