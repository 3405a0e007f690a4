import { createHash } from 'node:crypto'
import { childKeyPrefix } from '../core/child.ts'
import { predecessorLimits } from '../core/dependency.ts'
import { parseDuration } from '../core/duration.ts'
import { OptionsInvalid, ParametersInvalid, TooLarge, type Issue } from '../core/errors.ts'
import { longestDuration } from '../core/outcome.ts'
import { clip } from '../core/text.ts'
import { mask, masksIn, redacted, Secrets } from '../core/redaction.ts'
import { failurePolicies, type Predecessors, type Json, type Submission } from '../core/task.ts'
import type { Admission, TaskLimit } from '../core/admission.ts'
import { limitBounds } from '../core/limits.ts'
import { traceContext } from '../core/trace-context.ts'
import type { UniqueRequest } from '../core/unique-options.ts'
import { resolveBackoff } from '../registry/options.ts'
import type { AnyTaskType } from '../registry/type.ts'
import { uniqueOf } from '../registry/unique.ts'
import { toJson } from '../execution/executors/json.ts'
import type { Draft, SubmitOptions } from './api.ts'
import { callbackOf } from './webhooks.ts'

/** The latest valid date of the platform, in Unix milliseconds. */
const lastMoment = 8_640_000_000_000_000

/** Limits of the options, for documentation. */
export const optionLimits = {
  priority: 1_000,
  maxAttempts: 10_000,
  tags: 50,
  tagLength: 200,
  idempotencyKeyLength: 255,
} as const

/** Validates a submit. Throws `ParametersInvalid`, `OptionsInvalid`, `NotJson` or `TooLarge`. */
export function submissionOf(
  type: AnyTaskType,
  parameters: unknown,
  options: SubmitOptions,
  id: string,
): Submission {
  const { text, parsed } = checkedParameters(type, parameters)
  const issues: Issue[] = []
  const refuse = (path: string, message: string) => issues.push({ path, message })

  const { priority = 0, maxAttempts = type.attempts, tags = [], idempotencyKey = null } = options
  if (!Number.isInteger(priority) || Math.abs(priority) > optionLimits.priority) {
    refuse('priority', `must be a whole number from -${optionLimits.priority} to ${optionLimits.priority}`)
  }
  if (!Number.isInteger(maxAttempts) || maxAttempts < 1 || maxAttempts > optionLimits.maxAttempts) {
    refuse('maxAttempts', `must be a whole number from 1 to ${optionLimits.maxAttempts}`)
  }
  const tagList = [...new Set(tags)]
  if (tagList.length > optionLimits.tags) refuse('tags', `must have at most ${optionLimits.tags} tags`)
  if (tagList.some((tag) => typeof tag !== 'string' || tag === '' || tag.length > optionLimits.tagLength)) {
    refuse('tags', `must be strings of 1 to ${optionLimits.tagLength} characters`)
  }
  if (idempotencyKey !== null && !isKey(idempotencyKey)) {
    refuse('idempotencyKey', `must be a string of 1 to ${optionLimits.idempotencyKeyLength} characters`)
  }
  const timeout = options.timeout === undefined ? type.timeout : parseDuration(options.timeout)
  if (timeout === undefined || (timeout !== null && timeout <= 0)) {
    refuse('timeout', 'must be a positive duration: seconds, or text like "10m"')
  }
  const backoff = options.backoff === undefined ? type.backoff : resolveBackoff(options.backoff, type.backoff)
  if (backoff === undefined)
    refuse('backoff', 'must be a duration, or an object with base, factor, max and jitter')
  const debounced = debounceOf(options, refuse)
  const start = debounced?.start ?? startOf(options, refuse)
  const expiresIn = expiresOf(type, options, start, refuse)
  const unique = debounced?.unique ?? uniqueRequest(type, { options, parameters, parsed }, refuse)
  const predecessors = predecessorsOf(options, refuse)
  const admission = admissionOf(type, parsed, options, refuse)
  const { callbackUrl } = options
  const callback = callbackUrl === undefined ? undefined : callbackOf(callbackUrl)
  if (callbackUrl !== undefined && callback === undefined)
    refuse('callbackUrl', `must be a URL that begins with https:// or http://`)
  if (issues.length > 0 || timeout === undefined || backoff === undefined) throw new OptionsInvalid(issues)

  return {
    id,
    type: type.type,
    parameters: text,
    priority,
    runAt: start.runAt,
    delay: start.delay,
    expiresIn: expiresIn ?? undefined,
    timeout,
    maxAttempts,
    backoff,
    tags: tagList,
    idempotencyKey,
    requestHash: idempotencyKey === null ? null : hashOf(type, text, options),
    trace: traceContext(options.traceparent, options.tracestate),
    unique,
    predecessors,
    maxOfType: type.maxQueued ?? undefined,
    admission: admission ?? undefined,
    callback,
  }
}

/** Names the place of a refused task among others; `index` is null for the only one. */
export function issuesAt<T>(index: number | null, check: () => T): T {
  if (index === null) return check()
  const at = ({ path, message }: Issue) => ({
    path: [`tasks.${index}`, path].filter((step) => step !== '').join('.'),
    message,
  })
  try {
    return check()
  } catch (error) {
    if (error instanceof ParametersInvalid) throw new ParametersInvalid(error.type, error.issues.map(at))
    if (error instanceof OptionsInvalid) throw new OptionsInvalid(error.issues.map(at))
    throw error
  }
}

/** Maximum issues listed for a refused batch. */
const issuesListed = 100

/** The same for a batch: the paths of issues are those in `{ tasks: [...] }`. */
export function submissionsOf(
  type: AnyTaskType,
  drafts: readonly Draft[],
  newId: () => string,
): Submission[] {
  const wrong: { parameters: Issue[]; options: Issue[] } = { parameters: [], options: [] }
  const submissions = drafts.flatMap(({ parameters, options = {} }, index) => {
    if (wrong.parameters.length + wrong.options.length >= issuesListed) return []
    try {
      return [submissionOf(type, parameters, options, newId())]
    } catch (error) {
      const at = (part: string) => (issue: Issue) => ({
        ...issue,
        path: [`tasks.${index}`, part, issue.path].filter((step) => step !== '').join('.'),
      })
      if (error instanceof TooLarge) throw new TooLarge(`parameters of task ${index}`, error.limit)
      if (error instanceof ParametersInvalid) wrong.parameters.push(...error.issues.map(at('parameters')))
      else if (error instanceof OptionsInvalid) wrong.options.push(...error.issues.map(at('')))
      else throw error
      return []
    }
  })
  const waits = submissions.reduce((sum, { predecessors }) => sum + (predecessors?.ids.length ?? 0), 0)
  if (waits > predecessorLimits.ofSubmit) {
    const message = `must not wait for more than ${predecessorLimits.ofSubmit} tasks in all: submit them in several calls`
    wrong.options.push({ path: 'tasks', message })
  }
  if (wrong.options.length > 0) throw new OptionsInvalid(wrong.options)
  if (wrong.parameters.length > 0) throw new ParametersInvalid(type.type, wrong.parameters)
  return submissions
}

/** Parameters are stored as the caller sent them: defaults and transforms apply when the handler starts. */
function checkedParameters(
  type: AnyTaskType,
  parameters: unknown,
): Readonly<{ text: Json; parsed: unknown }> {
  let parsed
  try {
    parsed = type.parameters.safeParse(parameters)
  } catch (error) {
    const thrown = error instanceof Error ? error.message : 'it threw'
    const message = new Secrets().add(parameters, type.sensitive?.parameters ?? []).hide(thrown)
    throw new ParametersInvalid(type.type, [
      { path: '', message: `the schema threw while checking them: ${message}` },
    ])
  }
  const pointers = type.sensitive?.parameters ?? []
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }))
    if (pointers.length === 0) throw new ParametersInvalid(type.type, issues)
    // A schema may quote what it refuses.
    const secrets = new Secrets().add(parameters, pointers)
    throw new ParametersInvalid(
      type.type,
      issues.map(({ path, message }) => ({ path: secrets.hide(path), message: secrets.hide(message) })),
    )
  }
  const masks = masksIn(parameters, pointers)
  if (masks.length > 0) {
    const message = `${JSON.stringify(mask)} only stands for a sensitive value: send the value itself`
    throw new ParametersInvalid(
      type.type,
      masks.map((path) => ({ path, message })),
    )
  }
  return { text: toJson(parameters, 'parameters'), parsed: parsed.data }
}

/** What decides when the task starts: keys from its parameters, and those that the submit gives. */
function admissionOf(
  { admission: rules }: AnyTaskType,
  parameters: unknown,
  { limits, fairnessKey }: SubmitOptions,
  refuse: (path: string, message: string) => void,
): Admission | null {
  if (rules === null && limits === undefined && fairnessKey === undefined) return null
  const given = Object.entries(limits ?? {})
  const keys = new Map<string, string>()
  for (const { name, key } of rules?.limits ?? []) {
    if (limits !== undefined && Object.hasOwn(limits, name)) continue
    const found = key === null ? '' : computedKey(key, parameters, `limits.${name}`, refuse)
    if (found !== null) keys.set(name, found)
  }
  for (const [name, key] of given) {
    if (isAdmissionKey(key, 0)) keys.set(name, key)
    else refuse(`limits.${name}`, keyRule(0))
  }
  if (keys.size > limitBounds.perTask)
    refuse('limits', `must be at most ${limitBounds.perTask}, with those of the type`)
  const names = [...keys].sort(([a], [b]) => (a < b ? -1 : 1))
  let flow = fairnessKey ?? null
  if (flow === null && rules?.fairnessKey != null)
    flow = computedKey(rules.fairnessKey, parameters, 'fairnessKey', refuse)
  if (flow !== null && !isAdmissionKey(flow, 1)) refuse('fairnessKey', keyRule(1))
  return admitted(
    names.map(([name, key]) => ({ name, key })),
    flow,
    flow === null ? 1 : weightOf(rules?.weight ?? null, flow, refuse),
    rules?.aging ?? null,
  )
}

function admitted(
  limits: readonly TaskLimit[],
  fairnessKey: string | null,
  weight: number,
  aging: number | null,
): Admission | null {
  if (limits.length === 0 && fairnessKey === null && aging === null) return null
  return { limits, fairnessKey, weight, aging }
}

/** Null if the function returns nothing. */
function computedKey(
  keyOf: (parameters: unknown) => unknown,
  parameters: unknown,
  path: string,
  refuse: (path: string, message: string) => void,
): string | null {
  let key: unknown
  try {
    key = keyOf(parameters)
  } catch (error) {
    refuse(path, `the type could not compute the key: ${error instanceof Error ? error.message : 'it threw'}`)
    return null
  }
  if (key === null || key === undefined) return null
  const text = typeof key === 'number' ? String(key) : key
  if (isAdmissionKey(text, 0)) return text
  refuse(path, `the type computed a key that is not usable: it ${keyRule(0)}`)
  return null
}

function weightOf(
  rule: ((key: string) => number) | null,
  key: string,
  refuse: (path: string, message: string) => void,
): number {
  const { leastWeight, mostWeight } = limitBounds
  let weight: number | undefined
  try {
    weight = rule?.(key) ?? 1
  } catch {
    // Refused below.
  }
  if (typeof weight === 'number' && weight >= leastWeight && weight <= mostWeight) return weight
  refuse(
    'fairnessKey',
    `the type gave its weight as ${weight}, not a number from ${leastWeight} to ${mostWeight}`,
  )
  return 1
}

function isAdmissionKey(key: unknown, least: number): key is string {
  return (
    typeof key === 'string' &&
    key.length >= least &&
    key.length <= limitBounds.keyLength &&
    key.isWellFormed() &&
    !key.includes('\0')
  )
}

function keyRule(least: number): string {
  return `must be a string of ${least} to ${limitBounds.keyLength} characters`
}

function startOf(
  { delay, runAt }: SubmitOptions,
  refuse: (path: string, message: string) => void,
): Pick<Submission, 'runAt' | 'delay'> {
  if (delay !== undefined && runAt !== undefined) refuse('runAt', 'cannot be combined with delay')
  if (delay !== undefined) {
    const ms = parseDuration(delay)
    if (ms === undefined || ms > longestDuration) {
      refuse('delay', 'must be a duration: seconds, or text like "10m"')
    } else if (ms > 0) {
      return { runAt: null, delay: Math.ceil(ms) }
    }
    return atOnce
  }
  if (runAt === undefined) return atOnce
  const at = Math.round(runAt instanceof Date ? runAt.getTime() : runAt * 1_000)
  if (Number.isFinite(at) && at >= 0 && at <= lastMoment) return { runAt: at, delay: null }
  refuse('runAt', 'must be a date, or a time in Unix seconds')
  return atOnce
}

/** Milliseconds. A task that has to wait longer than that for its start would never run. */
function expiresOf(
  type: AnyTaskType,
  { expiresIn }: SubmitOptions,
  { delay }: Pick<Submission, 'delay'>,
  refuse: (path: string, message: string) => void,
): number | null {
  const ms = expiresIn === undefined ? type.expiresIn : parseDuration(expiresIn)
  if (ms === null) return null
  if (ms === undefined || ms <= 0 || ms > longestDuration) {
    refuse('expiresIn', 'must be a positive duration: seconds, or text like "10m"')
    return null
  }
  if (delay !== null && ms <= delay)
    refuse('expiresIn', 'must be longer than the delay: the task would expire before it may start')
  return Math.ceil(ms)
}

/** A debounce key is a unique key of a task that has not started. */
function debounceOf(
  { debounce, unique, delay, runAt }: SubmitOptions,
  refuse: (path: string, message: string) => void,
): Readonly<{ unique: UniqueRequest; start: Pick<Submission, 'runAt' | 'delay'> }> | undefined {
  if (debounce === undefined) return undefined
  const { key } = debounce
  const durationOf = (path: 'delay' | 'max') => {
    const given = debounce[path]
    const ms = given === undefined ? undefined : parseDuration(given)
    if (ms !== undefined && ms > 0 && ms <= longestDuration) return Math.ceil(ms)
    if (path === 'delay' || given !== undefined)
      refuse(`debounce.${path}`, 'must be a positive duration: seconds, or text like "10s"')
    return null
  }
  const [wait, max] = [durationOf('delay') ?? 1, durationOf('max')]
  if (!isKey(key))
    refuse('debounce.key', `must be a string of 1 to ${optionLimits.idempotencyKeyLength} characters`)
  if (unique !== undefined) refuse('debounce', 'cannot be combined with unique')
  if (delay !== undefined || runAt !== undefined) {
    refuse('debounce', 'has a delay of its own: leave out delay and runAt')
  }
  return {
    unique: { key, while: 'queued', for: null, debounced: true, onConflict: 'debounce', max },
    start: { runAt: null, delay: Math.min(wait, max ?? wait) },
  }
}

/**
 * The unique key of a submit, or of its type. A type computes its key from the parameters; types with
 * sensitive values store a hash of it.
 */
function uniqueRequest(
  { unique: rule, sensitive }: AnyTaskType,
  given: Readonly<{ options: SubmitOptions; parameters: unknown; parsed: unknown }>,
  refuse: (path: string, message: string) => void,
): UniqueRequest | undefined {
  const { unique } = given.options
  if (unique !== undefined) {
    const { key } = unique
    if (!isKey(key))
      refuse('unique.key', `must be a string of 1 to ${optionLimits.idempotencyKeyLength} characters`)
    return { ...uniqueOf(unique, (path, message) => refuse(`unique.${path}`, message)), key }
  }
  if (rule === null) return undefined
  const { key: keyOf, ...rest } = rule
  let key: unknown
  try {
    key = keyOf(given.parsed)
  } catch (error) {
    const thrown = error instanceof Error ? error.message : 'it threw'
    const message = new Secrets().add(given.parameters, sensitive?.parameters ?? []).hide(thrown)
    refuse('unique', `cannot be computed by the type: ${message}. Send unique with a key instead`)
    return undefined
  }
  if (key === null || key === undefined) return undefined
  if (!isKey(key)) {
    refuse(
      'unique',
      `is computed by the type, whose key must be a string of 1 to ${optionLimits.idempotencyKeyLength} characters`,
    )
    return undefined
  }
  return { ...rest, key: sensitive === null ? key : createHash('sha256').update(key).digest('base64url') }
}

function predecessorsOf(
  { after, onFailure }: SubmitOptions,
  refuse: (path: string, message: string) => void,
): Predecessors | undefined {
  if (onFailure !== undefined && !failurePolicies.includes(onFailure))
    refuse('onFailure', `must be one of ${failurePolicies.join(', ')}`)
  if (after === undefined) {
    if (onFailure !== undefined) refuse('onFailure', 'requires after')
    return undefined
  }
  const ids = [...new Set(after)]
  if (ids.length > predecessorLimits.ofTask)
    refuse('after', `must have at most ${predecessorLimits.ofTask} ids`)
  if (ids.some((id) => typeof id !== 'string')) refuse('after', 'must be ids of tasks')
  return ids.length === 0 ? undefined : { ids, onFailure: onFailure ?? 'cancel' }
}

/** A submit names a task that does not exist, or that its caller may not see. */
export function predecessorUnknown(id: string, place: number, index: number | undefined): OptionsInvalid {
  const path = index === undefined ? `after.${place}` : `tasks.${index}.after.${place}`
  const message = `there is no task ${JSON.stringify(clip(id, 100))}: only tasks that exist and have not been deleted can be waited for`
  return new OptionsInvalid([{ path, message }])
}

const atOnce = { runAt: null, delay: null }

function isKey(key: unknown): key is string {
  return (
    typeof key === 'string' &&
    key.length >= 1 &&
    key.length <= optionLimits.idempotencyKeyLength &&
    !key.startsWith(childKeyPrefix)
  )
}

/**
 * Sensitive values are left out, or anyone who knows an idempotency key could test guesses: every guess returns the original
 * task.
 */
function hashOf({ type, sensitive }: AnyTaskType, text: Json, options: SubmitOptions): string {
  const parameters = redacted(text, sensitive?.parameters ?? [])
  const { priority, delay, runAt, timeout, maxAttempts, backoff, tags, unique, debounce, after, onFailure } =
    options
  const { limits, fairnessKey, expiresIn, callbackUrl } = options
  const added = [
    ...(unique === undefined && debounce === undefined ? [] : [unique, debounce]),
    ...(after === undefined ? [] : [after, onFailure]),
    ...(limits === undefined && fairnessKey === undefined ? [] : [limits ?? null, fairnessKey ?? null]),
    ...(expiresIn === undefined ? [] : [{ expiresIn }]),
    ...(callbackUrl === undefined ? [] : [callbackUrl]),
  ]
  const chosen = JSON.stringify([priority, delay, runAt, timeout, maxAttempts, backoff, tags, ...added])
  return createHash('sha256').update(`${type}\n${parameters}\n${chosen}`).digest('base64url')
}
