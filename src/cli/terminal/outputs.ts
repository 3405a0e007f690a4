import { getSystemErrorMap } from 'node:util'
import type { OutputConfiguration } from 'commander'
import { exitCodes } from '../exit.ts'
import { visible, visibleLines } from './text.ts'

/** The two outputs of this process: what happens if one of them cannot be written, and how the program ends. */

/** Taken before a server replaces it, so that task code cannot end the process. */
const exit = process.exit.bind(process)

let lost: NodeJS.ErrnoException | undefined
let isErrorOutputLost = false
let mustFinish = false

/** From now on, a failing output ends the program with one line; a reader that closes the pipe ends it quietly. */
export function watchOutputs(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    lost ??= error
    if (!mustFinish) exit(endOf(error.code === 'EPIPE' ? Number(process.exitCode ?? 0) : 0))
  })
  // Nothing essential is written there, so a command does not end for it.
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    isErrorOutputLost ||= error.code !== 'EPIPE'
  })
}

/** For commands that change something: they finish even if their output cannot be read, and report it at the end. */
export function finishWithoutOutput(): void {
  mustFinish = true
}

/** Ends the program once everything is written. */
export async function endProgram(code: number): Promise<never> {
  for (const output of [process.stdout, process.stderr]) {
    if (output.writableLength > 0) await new Promise((resolve) => output.write('', resolve))
  }
  // A failed write is reported one turn later.
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

/** One line of this program on standard error. */
export function tell(line: string): void {
  process.stderr.write(`fermata: ${visible(line)}\n`)
}

/** An unexpected error, with its stack. */
export function tellFault(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.stderr.write(`fermata: ${visibleLines(text)}\n`)
}

/** How commander prints help and mistakes, which contain words that were typed or sent by a server. */
export const commanderOutput: OutputConfiguration = {
  writeOut: (text) => process.stdout.write(visibleLines(text)),
  writeErr: (text) => process.stderr.write(visibleLines(text)),
  outputError: (text, write) => write(text.replace(/^error: /, 'fermata: ')),
}
