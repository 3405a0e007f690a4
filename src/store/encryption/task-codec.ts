import { fingerprinted } from '../../core/fingerprint.ts'
import type { Outcome, Settlement } from '../../core/outcome.ts'
import { briefMessage } from '../../core/transition.ts'
import type {
  Callback,
  ErrorRecord,
  Json,
  LogLine,
  Progress,
  Submission,
  Task,
  TaskId,
  TimelineEntry,
} from '../../core/task.ts'
import { stepId, type StepKey, type StepRecord } from '../../core/step.ts'
import type { Wait, WaitKey } from '../../core/wait.ts'
import { uniqueName } from '../../core/unique.ts'
import { clip } from '../../core/text.ts'
import { lineOf, timelineOf } from '../codec.ts'
import type { NumberedStep, Save } from '../store.ts'
import type { TaskImage } from '../transfer.ts'
import { isSealed, Unopened, type Keyring, type Kind } from './keyring.ts'

/** Which texts of a task are encrypted, and how they are found in what passes through the port of a store. */

/**
 * What parameters belong to: they do not decrypt elsewhere. Those of a debounced task come from several submits, whose ids are
 * no longer known, so they belong to its key.
 */
export function ownerOfParameters({
  id,
  type,
  unique,
}: Pick<Task | Submission, 'id' | 'type' | 'unique'>): string {
  return unique?.debounced === true ? `debounce ${uniqueName(type, unique.key)}` : id
}

type Written = Pick<Settlement | Save, 'checkpoint' | 'progress' | 'log'> & Pick<Save, 'steps'>

export function sealWritten<T extends Written>(keys: Keyring, id: TaskId, written: T): T {
  const { checkpoint, steps, progress, log } = written
  return {
    ...written,
    ...(checkpoint === undefined ? {} : { checkpoint: keys.seal(checkpoint, id, 'checkpoint') }),
    ...(steps === undefined ? {} : { steps: steps.map((step) => sealStep(keys, id, step)) }),
    ...(progress === undefined ? {} : { progress: sealProgress(keys, id, progress) }),
    ...(log === undefined ? {} : { log: log.map((line) => sealLine(keys, id, line)) }),
  }
}

export function sealOutcome(keys: Keyring, id: TaskId, outcome: Outcome): Outcome {
  switch (outcome.kind) {
    case 'completed':
      return { ...outcome, result: keys.seal(outcome.result, id, 'result') }
    case 'failed':
      return { ...outcome, error: sealError(keys, id, outcome.error) }
    default:
      return outcome
  }
}

/** Code and name stay readable: lists show them, and people search for them. */
function sealError(keys: Keyring, id: TaskId, error: ErrorRecord): ErrorRecord {
  const { message, stack, fingerprint, ...rest } = fingerprinted(error)
  return {
    ...rest,
    fingerprint: keys.mark(fingerprint ?? ''),
    message: keys.seal(message, id, 'error'),
    // Rules cannot cut an encrypted text for the timeline.
    brief: keys.seal(clip(message, briefMessage), id, 'error'),
    ...(stack === undefined ? {} : { stack: keys.seal(stack, id, 'error') }),
  }
}

export function sealCallback(keys: Keyring, id: TaskId, callback: Callback): Callback {
  return { ...callback, url: keys.seal(callback.url, id, 'callback') }
}

function sealProgress(keys: Keyring, id: TaskId, progress: Progress): Progress {
  const { message } = progress
  return message === undefined ? progress : { ...progress, message: keys.seal(message, id, 'progress') }
}

function sealLine<L extends LogLine>(keys: Keyring, id: TaskId, line: L): L {
  return { ...line, text: keys.seal(line.text, id, 'log') }
}

/** A result belongs to its step: it does not decrypt in another one. */
function ownerOfStep(id: TaskId, step: StepKey): string {
  return `${id} ${stepId(step)}`
}

function sealStep<S extends StepRecord>(keys: Keyring, id: TaskId, step: S): S {
  const { result, error } = step
  return {
    ...step,
    result: result === null ? null : keys.seal(result, ownerOfStep(id, step), 'step'),
    error: error === null ? null : sealError(keys, id, error),
  }
}

/** Question and answer belong to their wait. */
function ownerOfWait(id: TaskId, wait: WaitKey, part: 'question' | 'answer'): string {
  return `${id} ${part} ${stepId(wait)}`
}

export function sealWaitText(
  keys: Keyring,
  id: TaskId,
  wait: WaitKey,
  part: 'question' | 'answer',
  text: Json,
): Json {
  return keys.seal(text, ownerOfWait(id, wait, part), 'wait')
}

function sealWait(keys: Keyring, id: TaskId, wait: Wait): Wait {
  const { question, answer } = wait
  return {
    ...wait,
    question: question === null ? null : sealWaitText(keys, id, wait, 'question', question),
    answer: answer === null ? null : sealWaitText(keys, id, wait, 'answer', answer),
  }
}

function openWait(keys: Keyring, id: TaskId, wait: Wait): Wait {
  const { question, answer } = wait
  return {
    ...wait,
    question: question === null ? null : keys.open(question, ownerOfWait(id, wait, 'question'), 'wait'),
    answer: answer === null ? null : keys.open(answer, ownerOfWait(id, wait, 'answer'), 'wait'),
  }
}

/** Texts that cannot be decrypted are null, with the reason. */
export function openWaitForPeople(
  keys: Keyring,
  id: TaskId,
  wait: Wait,
): Readonly<{ wait: Wait; unreadable?: string }> {
  try {
    return { wait: openWait(keys, id, wait) }
  } catch (unopened) {
    if (!(unopened instanceof Unopened)) throw unopened
    return { wait: { ...wait, question: null, answer: null }, unreadable: unopened.message }
  }
}

/** The error for people; a result that cannot be decrypted is null, with the reason. */
export function openStep(keys: Keyring, id: TaskId, step: NumberedStep): NumberedStep {
  const { result, error } = step
  const opened = error === null ? null : openError(openForPeople(keys), id, error)
  try {
    return { ...step, result: openResult(keys.open.bind(keys), id, step), error: opened }
  } catch (unopened) {
    if (!(unopened instanceof Unopened) || result === null) throw unopened
    return { ...step, result: null, error: opened, unreadable: unopened.message }
  }
}

function openResult(open: Open, id: TaskId, step: StepRecord): Json | null {
  return step.result === null ? null : open(step.result, ownerOfStep(id, step), 'step')
}

/** Decrypts a text, or returns what takes its place. */
export type Open = (text: string, task: TaskId, kind: Kind) => string

/** For people: a text that cannot be decrypted is replaced by the reason. */
export function openForPeople(keys: Keyring): Open {
  return (text, task, kind) => {
    try {
      return keys.open(text, task, kind)
    } catch (error) {
      if (error instanceof Unopened) return `(${error.message})`
      throw error
    }
  }
}

/** The same task if nothing in it is encrypted. */
export function openTask(open: Open, task: Task): Task {
  const { id, error, progress, callback } = task
  const isCallbackSealed = callback !== null && isSealed(callback.url)
  const message = progress?.message
  const isProgressSealed = message !== undefined && isSealed(message)
  if (!isProgressSealed && !isCallbackSealed && (error === null || isOpen(error))) return task
  return {
    ...task,
    error: error === null ? null : openError(open, id, error),
    progress: isProgressSealed ? { ...progress!, message: open(message, id, 'progress') } : progress,
    callback: isCallbackSealed ? { ...callback, url: open(callback.url, id, 'callback') } : callback,
  }
}

export function openEntry(open: Open, id: TaskId, entry: TimelineEntry): TimelineEntry {
  const { error } = entry
  return error === undefined || isOpen(error) ? entry : { ...entry, error: openError(open, id, error) }
}

export function openLine<L extends LogLine>(open: Open, id: TaskId, line: L): L {
  return isSealed(line.text) ? { ...line, text: open(line.text, id, 'log') } : line
}

function isOpen({ message, brief }: ErrorRecord): boolean {
  return brief === undefined && !isSealed(message)
}

function openError(
  open: Open,
  id: TaskId,
  { code, name, message, stack, fingerprint }: ErrorRecord,
): ErrorRecord {
  return {
    code,
    name,
    message: open(message, id, 'error'),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(stack === undefined ? {} : { stack: open(stack, id, 'error') }),
  }
}

/** A whole task of a database as plain text. Throws `Unopened`: nothing may be lost silently. */
export function openImage(keys: Keyring, image: TaskImage): TaskImage {
  const open: Open = (text, task, kind) => keys.open(text, task, kind)
  return mapImage(image, {
    task: (task) => withOwnFingerprint(openTask(open, task)),
    document: open,
    step: (id, step) => ({
      ...step,
      result: openResult(open, id, step),
      error: step.error === null ? null : withFingerprintOf(openError(open, id, step.error)),
    }),
    wait: (id, wait) => openWait(keys, id, wait),
    line: (id, line) => openLine(open, id, line),
    entry: (id, entry) => openEntry(open, id, entry),
  })
}

/** The stored fingerprint depends on the key. */
function withOwnFingerprint(task: Task): Task {
  return task.error === null ? task : { ...task, error: withFingerprintOf(task.error) }
}

function withFingerprintOf(error: ErrorRecord): ErrorRecord {
  if (error.fingerprint === undefined) return error
  const { fingerprint: _, ...rest } = error
  return fingerprinted(rest)
}

/** A task of plain text as it is stored under the first key. */
export function sealImage(keys: Keyring, image: TaskImage): TaskImage {
  if (!keys.encrypts) return image
  return mapImage(image, {
    task: (task) => ({
      ...task,
      error: task.error === null ? null : sealError(keys, task.id, task.error),
      progress: task.progress === null ? null : sealProgress(keys, task.id, task.progress),
      requestHash: task.requestHash === null ? null : keys.hash(task.requestHash),
      callback: task.callback === null ? null : sealCallback(keys, task.id, task.callback),
    }),
    document: (text, id, kind) => keys.seal(text, id, kind),
    step: (id, step) => sealStep(keys, id, step),
    wait: (id, wait) => sealWait(keys, id, wait),
    line: (id, line) => sealLine(keys, id, line),
    entry: (id, entry) =>
      entry.error === undefined
        ? entry
        : { ...entry, error: { ...entry.error, message: keys.seal(entry.error.message, id, 'error') } },
  })
}

type Change = Readonly<{
  task: (task: Task) => Task
  document: Open
  step: (id: TaskId, step: NumberedStep) => NumberedStep
  wait: (id: TaskId, wait: Wait) => Wait
  line: <L extends LogLine>(id: TaskId, line: L) => L
  entry: (id: TaskId, entry: TimelineEntry) => TimelineEntry
}>

function mapImage(image: TaskImage, change: Change): TaskImage {
  const { task, parameters, checkpoint, result, steps, waits, log, timeline } = image
  const { id } = task
  return {
    ...image,
    task: change.task(task),
    parameters: change.document(parameters, ownerOfParameters(task), 'parameters'),
    checkpoint: checkpoint === null ? null : change.document(checkpoint, id, 'checkpoint'),
    result: result === null ? null : change.document(result, id, 'result'),
    steps: steps.map((step) => change.step(id, step)),
    waits: waits.map((wait) => change.wait(id, wait)),
    log: log.map((line) => change.line(id, line)),
    timeline: timelineOf(timeline)
      .map((entry) => lineOf(change.entry(id, entry)))
      .join(','),
  }
}
