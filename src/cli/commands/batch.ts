import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { isFermataError, type SubmitOptions } from '../../client/index.ts'
import { NumberInexact, parseExact } from '../../core/exact-json.ts'
import { exitCodes, UsageError, type ExitCode } from '../exit.ts'
import { count, countdown, plural, rate } from '../format.ts'
import { linesOf } from '../input.ts'
import type { Session } from '../session.ts'
import { bar } from '../terminal/bar.ts'
import { Live } from '../terminal/live.ts'
import { finishWithoutOutput } from '../terminal/outputs.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { safe, SafeText, visible } from '../terminal/text.ts'

export type Batch = Readonly<{
  /** `-` is standard input. */
  file: string
  from: number
  /** Applied to all tasks; values of a line take precedence. */
  parameters: Readonly<Record<string, unknown>>
  options: SubmitOptions
}>

/** Maximum tasks per call, and characters of their lines. */
const most = { tasks: 2_000, characters: 8_000_000 } as const

/** Milliseconds between two frames. */
const frame = 100

type Line = Readonly<{ number: number; parameters: Record<string, unknown> }>

/** Submits a task for each line of a file of any size, in order. While one call is in progress, the next lines are read. */
export async function submitBatch(session: Session, type: string, batch: Batch): Promise<ExitCode> {
  finishWithoutOutput()
  const size = batch.file === '-' ? null : await sizeOf(batch.file)
  const progress = new BatchProgress(session.err, size)
  const options = session.last()
  let [stored, replayed, existing, last] = [0, 0, 0, batch.from - 1]
  const send = async (lines: readonly Line[]) => {
    try {
      const tasks = lines.map((line) => draftOf(line, batch))
      const answer = await session.client.submitBatch(type, tasks, options)
      stored += lines.length
      replayed += answer.replayed
      existing += answer.existing ?? 0
      last = lines.at(-1)?.number ?? last
      progress.stored(stored)
      if (session.quiet) await session.out.print(SafeText.trusted(answer.task_ids.map(visible).join('\n')))
    } catch (error) {
      throw explained(error, lines)
    }
  }
  let failure: unknown
  {
    using _ = progress.begin()
    let sending: Promise<void> = Promise.resolve()
    try {
      for await (const lines of groups(batch, (bytes) => progress.read(bytes))) {
        await sending
        sending = send(lines)
        // Awaited when the next group is ready; until then, it must not count as unhandled.
        sending.catch(() => {})
      }
    } catch (error) {
      failure = error
    }
    // Wait for the call in progress before reporting anything; its error takes precedence over one further down.
    await sending.catch((error: unknown) => (failure = error))
  }
  if (failure !== undefined) {
    const next = `Fix the problem, then continue with --from-line ${last + 1}.`
    await session.err.print(
      stored === 0
        ? 'Nothing was submitted.'
        : `Submitted ${plural(stored, 'task')}, up to line ${count(last)}. ${next}`,
    )
    throw failure
  }
  const earlier = replayed + existing
  const again = earlier === 0 ? '' : `, ${count(earlier)} of which already existed`
  if (session.json) {
    const found = existing === 0 ? {} : { existing }
    await session.printJson({ task_type: type, submitted: stored, replayed, ...found })
  } else if (!session.quiet)
    await session.out.print(
      `Submitted ${plural(stored, 'task')} of type ${type}${again} (${progress.speed(stored)})`,
    )
  return exitCodes.completed
}

function draftOf({ number, parameters }: Line, { options, parameters: common }: Batch) {
  const { idempotency_key: key, ...own } = options
  return {
    ...own,
    parameters: { ...common, ...parameters },
    ...(key === undefined ? {} : { idempotency_key: `${key}-${number}` }),
  }
}

/** Groups of lines that fit into one call. */
async function* groups(
  { file, from }: Batch,
  onRead: (bytes: number) => void,
): AsyncGenerator<Line[], void, undefined> {
  const input = file === '-' ? process.stdin : createReadStream(file)
  let group: Line[] = []
  let characters = 0
  const source = file === '-' ? 'standard input' : file
  for await (const { text, number, bytes } of linesOf(input, source)) {
    onRead(bytes)
    if (number < from || text.trim() === '') continue
    if (group.length >= most.tasks || characters + text.length > most.characters) {
      yield group
      group = []
      characters = 0
    }
    group.push({ number, parameters: parametersOf(text, number) })
    characters += text.length
  }
  if (group.length > 0) yield group
}

function parametersOf(text: string, number: number): Record<string, unknown> {
  let value: unknown
  try {
    value = parseExact(text)
  } catch (error) {
    if (error instanceof NumberInexact) throw new UsageError(`line ${count(number)}: ${error.message}`)
    throw new UsageError(`line ${count(number)} is not JSON: ${(error as Error).message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UsageError(`line ${count(number)} must be a JSON object with the parameters of a task`)
  }
  return value as Record<string, unknown>
}

/** The same error with the line number instead of the index in the call. */
function explained(error: unknown, lines: readonly Line[]): unknown {
  if (!isFermataError(error)) return error
  const [first] = error.errors
  const [, index, path = ''] = /^tasks[.[](\d+)\]?\.?(.*)$/.exec(first?.path ?? '') ?? []
  const line = index === undefined ? undefined : lines[Number(index)]
  if (line === undefined || first === undefined) return error
  return new UsageError(`line ${count(line.number)}: ${path === '' ? '' : `${path}: `}${first.message}`)
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    const found = await stat(path)
    if (found.isDirectory()) throw new UsageError(`${path} is a folder; --batch needs a file`)
    return found.isFile() ? found.size : null
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`)
  }
}

/** Progress through the file; on a terminal as a bar. */
class BatchProgress {
  readonly #terminal: Terminal
  readonly #size: number | null
  readonly #begun = performance.now()
  #read = 0
  #stored = 0

  constructor(terminal: Terminal, size: number | null) {
    this.#terminal = terminal
    this.#size = size
  }

  read(bytes: number): void {
    this.#read += bytes
  }

  stored(tasks: number): void {
    this.#stored = tasks
  }

  speed(tasks: number): string {
    return rate(tasks / Math.max(0.001, (performance.now() - this.#begun) / 1_000))
  }

  /** Shows the progress on a terminal until disposed. */
  begin(): Disposable {
    if (!this.#terminal.isLive) return { [Symbol.dispose]: () => {} }
    const live = new Live(this.#terminal)
    const timer = setInterval(() => live.draw([this.#line()]), frame)
    return {
      [Symbol.dispose]: () => {
        clearInterval(timer)
        live.draw([])
        live[Symbol.dispose]()
      },
    }
  }

  #line(): SafeText | string {
    const figures = `${count(this.#stored)} tasks  ${this.speed(this.#stored)}`
    if (this.#size === null || this.#size === 0) return figures
    const ratio = Math.min(1, this.#read / this.#size)
    const seconds = (performance.now() - this.#begun) / 1_000
    const left = ratio === 0 ? '' : `  ETA ${countdown((seconds / ratio) * (1 - ratio))}`
    const width = Math.max(5, Math.min(40, this.#terminal.columns - figures.length - 20))
    return safe`${bar(this.#terminal, ratio, width)} ${String(Math.floor(ratio * 100)).padStart(3)}%  ${figures}${left}`
  }
}
