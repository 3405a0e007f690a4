import { Command, CommanderError } from 'commander'
import { isFermataError, type SubmitOptions, type TypeDetails } from '../../client/index.ts'
import type { ConflictAction, UniqueSpan } from '../../core/unique-options.ts'
import { exitCodes, UsageError, type ExitCode } from '../exit.ts'
import { flagsOf, type Flag } from '../flags.ts'
import { looks } from '../looks.ts'
import { assembled, optionsOf, readDocument } from '../parameters.ts'
import type { Action } from '../perform.ts'
import { addCommon, addRunOptions, runFlags } from '../options.ts'
import type { JsonOption, Session } from '../session.ts'
import { commanderOutput } from '../terminal/outputs.ts'
import { safe } from '../terminal/text.ts'
import { Left, type InterruptPolicy } from '../watching/interrupt.ts'
import { watchTasks } from '../watching/watch.ts'
import { ended, printEnd } from './result.ts'
import { exampleOf } from './types.ts'

type Options = Readonly<{
  json?: JsonOption
  watch?: boolean
  wait?: boolean
  batch?: string
  fromLine?: number
  onInterrupt?: InterruptPolicy
  priority?: number
  delay?: number
  runAt?: number
  expiresIn?: number
  timeout?: number
  maxAttempts?: number
  backoff?: number
  tag?: string[]
  idempotencyKey?: string
  unique?: string
  uniqueWhile?: UniqueSpan
  uniqueFor?: number
  onConflict?: ConflictAction
  after?: string[]
  onFailure?: SubmitOptions['on_failure']
  debounce?: string
  debounceDelay?: number
  debounceMax?: number
  limitKey?: Readonly<Record<string, string>>
  fairnessKey?: string
  callbackUrl?: string
}>

export const run: Action = async (session, command) => {
  const [name] = command.args
  const asksHelp = command.args.some((word) => word === '--help' || word === '-h')
  if (name === undefined || name.startsWith('-')) {
    if (asksHelp) return command.outputHelp()
    throw new UsageError('missing type: fermata run TYPE [parameters] ("fermata types" lists the types)')
  }
  const type = await typeOf(session, name)
  const { options, flags, given } = parsed(name, type, wordsAfter(command))
  const { batch } = options
  if (batch === undefined) {
    const document = options.json?.document === undefined ? {} : await readDocument(options.json.document)
    return submit(session, name, assembled(document, flags, given), options)
  }
  if (options.watch === true || options.wait === true)
    throw new UsageError('--batch cannot be combined with --watch or --wait')
  if (options.unique !== undefined || options.debounce !== undefined)
    throw new UsageError(
      '--batch cannot be combined with --unique or --debounce, since all tasks would have one key; unique can be defined in the type',
    )
  const common = options.json?.document === undefined ? {} : await readDocument(options.json.document)
  const { submitBatch } = await import('./batch.ts')
  const whole = flags.map((flag) => ({ ...flag, isRequired: false }))
  return submitBatch(session, name, {
    file: batch,
    from: options.fromLine ?? 1,
    parameters: assembled(common, whole, given),
    options: submitOptions(options),
  })
}

async function submit(
  session: Session,
  type: string,
  parameters: Record<string, unknown>,
  options: Options,
): Promise<ExitCode> {
  const { out } = session
  const body = { parameters, ...submitOptions(options) }
  const accepted = await session.client.submitTask(type, body)
  const { task_id: id, status, existing } = accepted
  if (existing === true) await session.remark('This task was there already: it has the same key.')
  if (options.watch !== true && options.wait !== true) {
    if (session.json) await session.printJson(accepted)
    else if (session.quiet || !out.isLive) await out.print(id)
    else await out.print(safe`${id}  ${out.paint(looks[status].style, `${looks[status].symbol} ${status}`)}`)
    return exitCodes.completed
  }
  try {
    return await followed(session, id, options)
  } catch (error) {
    if (!isFermataError(error, 'FORBIDDEN')) throw error
    await out.print(id)
    throw new UsageError(
      'the task was submitted, but this key cannot wait for it: that needs the scope read. Its id is on standard output',
    )
  }
}

async function followed(session: Session, id: string, options: Options): Promise<ExitCode> {
  if (options.watch === true) {
    try {
      await watchTasks(session, [id], { terminal: session.err, policy: options.onInterrupt ?? 'ask' })
    } catch (error) {
      if (!(error instanceof Left)) throw error
      await session.remark(`The task keeps running. Watch it with: fermata watch ${id}`)
      return exitCodes.interrupted
    }
  }
  return printEnd(session, await ended(session, id))
}

function submitOptions(options: Options): SubmitOptions {
  const { priority, delay, runAt, timeout, maxAttempts, backoff, tag, idempotencyKey, after, onFailure } =
    options
  const { limitKey, fairnessKey, expiresIn, callbackUrl } = options
  return {
    ...(priority === undefined ? {} : { priority }),
    ...(delay === undefined ? {} : { delay }),
    ...(runAt === undefined ? {} : { run_at: runAt }),
    ...(expiresIn === undefined ? {} : { expires_in: expiresIn }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(maxAttempts === undefined ? {} : { max_attempts: maxAttempts }),
    ...(backoff === undefined ? {} : { backoff }),
    ...(tag === undefined ? {} : { tags: tag }),
    ...(idempotencyKey === undefined ? {} : { idempotency_key: idempotencyKey }),
    ...uniqueOption(options),
    ...(after === undefined ? {} : { after }),
    ...(onFailure === undefined ? {} : { on_failure: onFailure }),
    ...debounceOption(options),
    ...(limitKey === undefined ? {} : { limits: limitKey }),
    ...(fairnessKey === undefined ? {} : { fairness_key: fairnessKey }),
    ...(callbackUrl === undefined ? {} : { callback_url: callbackUrl }),
  }
}

function uniqueOption({
  unique: key,
  uniqueWhile,
  uniqueFor,
  onConflict,
}: Options): Pick<SubmitOptions, 'unique'> {
  const more = {
    ...(uniqueWhile === undefined ? {} : { while: uniqueWhile }),
    ...(uniqueFor === undefined ? {} : { for: uniqueFor }),
    ...(onConflict === undefined ? {} : { on_conflict: onConflict }),
  }
  if (key !== undefined) return { unique: { key, ...more } }
  if (Object.keys(more).length === 0) return {}
  throw new UsageError('--unique-while, --unique-for and --on-conflict need --unique KEY')
}

function debounceOption({
  debounce: key,
  debounceDelay: delay,
  debounceMax: max,
}: Options): Pick<SubmitOptions, 'debounce'> {
  if (key !== undefined && delay !== undefined) {
    return { debounce: { key, delay, ...(max === undefined ? {} : { max }) } }
  }
  if (key === undefined && delay === undefined && max === undefined) return {}
  throw new UsageError('--debounce KEY and --debounce-delay DURATION belong together')
}

type Parsed = Readonly<{ options: Options; flags: readonly Flag[]; given: (flag: Flag) => unknown }>

/** Undefined if the key may submit tasks and not read: the server checks the parameters then. */
async function typeOf(session: Session, name: string): Promise<TypeDetails | undefined> {
  try {
    return await session.client.getType(name)
  } catch (error) {
    if (isFermataError(error, 'FORBIDDEN')) return undefined
    throw error
  }
}

/** Parses the arguments again, now that the flags of the type are known. Throws `CommanderError` for help and mistakes. */
function parsed(name: string, type: TypeDetails | undefined, words: readonly string[]): Parsed {
  const command = new Command(`fermata run ${name}`)
    .description(type?.description ?? '')
    .argument('<type>')
    .usage('[parameters] [options]')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput(commanderOutput)
    .configureHelp({ visibleArguments: () => [], optionDescription: ({ description }) => description })
  const flags = type === undefined ? [] : flagsOf(type, runFlags())
  const attributes = new Map<string, string>()
  for (const flag of flags) {
    for (const option of optionsOf(flag)) {
      command.addOption(option.helpGroup('Parameters:'))
      attributes.set(flag.flag, option.attributeName())
    }
  }
  addCommon(addRunOptions(command))
  if (type === undefined) command.addHelpText('after', withoutSchema)
  else if (type.example !== null) command.addHelpText('after', `\nExample:\n  ${exampleOf(type)}`)
  const given = optionsOfType(command, type, words)
  return {
    options: given,
    flags,
    given: ({ flag }) => given[attributes.get(flag) ?? ''],
  }
}

const withoutSchema =
  'This key may not read the parameters of the type, so they are not flags: give them as --json \'{"a": 2}\', or use a key with the scope read.'

function optionsOfType(command: Command, type: TypeDetails | undefined, words: readonly string[]) {
  try {
    if (type === undefined) command.configureOutput({ writeErr: () => undefined })
    return command.parse(words, { from: 'user' }).opts<Record<string, unknown>>()
  } catch (error) {
    if (type !== undefined || !(error instanceof CommanderError) || error.exitCode === 0) throw error
    const unknown = error.code === 'commander.unknownOption' ? ` ${withoutSchema}` : ''
    throw new UsageError(`${error.message.replace(/^error: /, '')}.${unknown}`)
  }
}

/** What was typed after `run`. */
function wordsAfter(command: Command): string[] {
  const words = (command.parent as (Command & { rawArgs: string[] }) | null)?.rawArgs ?? []
  return words.slice(words.indexOf(command.name()) + 1)
}
