import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { parseDuration } from '../core/duration.ts'
import { DefinitionInvalid } from '../core/errors.ts'
import { longestDuration } from '../core/outcome.ts'
import { defaultPreemption, type PreemptionRule } from '../core/preemption.ts'
import { defaultBackoff } from '../core/retry.ts'
import type { Backoff } from '../core/task.ts'
import {
  admissionRules,
  type AdmissionOptions,
  type FairnessOptions,
  type LimitOptions,
} from './admission.ts'
import type { Duration } from './context.ts'
import { marked, sensitiveOf, type SensitiveOption } from './sensitive.ts'
import type { AnyTaskType } from './type.ts'
import { uniqueOf, type UniqueDefinition, type UniqueRule } from './unique.ts'

/** Options of every definition, wherever the type runs. */
export interface TypeOptions<Parameters extends z.ZodType, State extends z.ZodType> {
  /** Name of the type: letters, digits, `_`, `-`, `.` and `:`. */
  type: string
  description?: string
  parameters: Parameters
  /** Valid parameters, shown in the documentation. */
  example?: z.input<Parameters>
  /** Schema of the checkpoint. If a stored one no longer matches, the attempt fails before the handler sees it. */
  state?: State
  /** Maximum number running at once, across all nodes. */
  concurrency?: number
  /** Maximum tasks that wait for a start, across all nodes: further submits are refused. Default: no maximum of its own. */
  maxQueued?: number
  /**
   * Limits under which its tasks start, at most eight: `[{ name: 'api', key: ({ customer }) => customer, concurrency: 2 }]`. A task
   * starts once each of them has room.
   */
  limits?: readonly LimitOptions<z.output<Parameters>>[]
  /** Tasks with different keys take turns within a priority. */
  fairness?: FairnessOptions<z.output<Parameters>>
  /** Each time that a task has been queued for this long, its priority rises by one, up to 99. Default: it does not. */
  aging?: Duration
  /** Attempts before a failure is final; 1 means no retries. Default 1. */
  attempts?: number
  backoff?: Duration | BackoffOptions
  /** Maximum active time per attempt. Default none. */
  timeout?: Duration
  /** Tasks that have not started within this time of their submit are cancelled; a pause stops the clock. Default: they may wait. */
  expiresIn?: Duration
  /**
   * How many node crashes a task may survive without a new checkpoint before it fails as `POISON`. Default 3. A limit of 1
   * works like 2, since a task is not blamed before it was the only suspect on its node; 0 fails it at its first loss.
   */
  poisonLimit?: number
  /**
   * Its tasks make room for urgent ones (priority 100 or more) that find no slot: the least important one stores its checkpoint at its next
   * pause point and returns to the queue, at most `most` times (10). After that, it runs at least for `cooldown` (30 s). Default: they do not.
   */
  preemptible?: boolean | Readonly<{ most?: number; cooldown?: Duration }>
  /** At most one task with the same key at a time. A submit can ask for another key. Default none. */
  unique?: UniqueDefinition<z.output<Parameters>>
  /**
   * JSON pointers to values that are shown to nobody but keys with the scope `admin`, like `['/password', '/card/number']`. A
   * list is for the parameters; `{ parameters, checkpoint, result }` has one for each document. `*` stands for every item of
   * a list and every member of an object. Strings and numbers of at least four characters are also hidden in log lines,
   * progress messages and errors, before these are stored.
   */
  sensitive?: SensitiveOption
}

/** Durations are seconds or strings with units. */
export type BackoffOptions = Readonly<{
  base?: Duration
  factor?: number
  max?: Duration
  /** From 0 to 1: the random fraction of a delay. */
  jitter?: number
}>

type Checked = Pick<
  AnyTaskType,
  | Exclude<keyof TypeOptions<z.ZodType, z.ZodType>, 'limits' | 'fairness' | 'aging' | 'preemptible'>
  | 'preemption'
  | 'admission'
  | 'definedAt'
  | 'jsonSchema'
  | 'description'
  | 'concurrency'
  | 'maxQueued'
  | 'timeout'
  | 'expiresIn'
>

/** Whatever the keys take. */
type AnyOptions = Omit<TypeOptions<z.ZodType, z.ZodType>, 'limits' | 'fairness'> & AdmissionOptions

/** Validates the common options; `define` is the function that was called with them. Throws `DefinitionInvalid`. */
export function checkedOptions(options: AnyOptions, define: Function): Checked {
  const { type, timeout, example, parameters, description = '', state } = options
  const invalid = (message: string) => definitionInvalid(type, message)
  if (typeof type !== 'string' || !/^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}$/.test(type)) {
    throw invalid('a type name has 1 to 100 letters, digits, "_", "-", "." or ":"')
  }
  const timeoutMs = timeout === undefined ? null : (parseDuration(timeout) ?? 0)
  if (timeoutMs !== null && timeoutMs <= 0) throw invalid('timeout must be a positive duration, like "10m"')
  const expiresIn = options.expiresIn === undefined ? null : (parseDuration(options.expiresIn) ?? 0)
  if (expiresIn !== null && (expiresIn <= 0 || expiresIn > longestDuration))
    throw invalid('expiresIn must be a positive duration, like "1h"')
  const backoff = resolveBackoff(options.backoff ?? {}, defaultBackoff)
  if (backoff === undefined) throw invalid('backoff must be a duration, or { base, factor, max, jitter }')
  mustBeSchema(type, 'parameters', parameters)
  if (state !== undefined) mustBeSchema(type, 'state', state)
  let jsonSchema: Record<string, unknown>
  try {
    jsonSchema = z.toJSONSchema(parameters, { io: 'input' })
  } catch (error) {
    throw invalid(`its parameters cannot be expressed as a JSON schema: ${(error as Error).message}`)
  }
  if (example !== undefined && !parameters.safeParse(example).success) {
    throw invalid('its example does not match its parameters schema')
  }
  const sensitive = sensitiveOf(options.sensitive, { parameters: jsonSchema, state }, invalid)
  const whole = (field: 'concurrency' | 'maxQueued' | 'attempts' | 'poisonLimit') =>
    wholeOf(type, field, options[field])
  return {
    type,
    definedAt: callerOf(define),
    description,
    parameters,
    jsonSchema: marked(jsonSchema, sensitive?.parameters ?? []),
    example,
    state,
    concurrency: whole('concurrency'),
    maxQueued: whole('maxQueued'),
    attempts: whole('attempts') ?? 1,
    backoff,
    timeout: timeoutMs,
    expiresIn,
    poisonLimit: whole('poisonLimit'),
    preemption: preemptionRule(options, invalid),
    unique: uniqueRule(type, options.unique),
    sensitive,
    admission: admissionRules(options, invalid),
  }
}

function preemptionRule(
  { preemptible = false }: Pick<AnyOptions, 'preemptible'>,
  invalid: (message: string) => DefinitionInvalid,
): PreemptionRule | null {
  if (preemptible === false) return null
  if (preemptible === true) return defaultPreemption
  const { most = defaultPreemption.most, cooldown } = preemptible
  if (!Number.isSafeInteger(most) || most < 1)
    throw invalid('preemptible.most must be a whole number of at least 1')
  const ms = cooldown === undefined ? defaultPreemption.cooldown : parseDuration(cooldown)
  if (ms === undefined) throw invalid('preemptible.cooldown must be a duration, like "30s"')
  return { most, cooldown: ms }
}

function uniqueRule(type: string, unique: UniqueDefinition<never> | undefined): UniqueRule | null {
  if (unique === undefined) return null
  if (typeof unique !== 'object' || typeof unique?.key !== 'function') {
    throw definitionInvalid(type, 'unique needs a key: a function of the parameters that returns text')
  }
  const rule = uniqueOf(unique, (path, message) => {
    throw definitionInvalid(type, `unique.${path} ${message}`)
  })
  return Object.freeze({ ...rule, key: unique.key as (parameters: unknown) => unknown })
}

/** TypeScript types do not protect JavaScript modules, nor distinguish versions of zod at run time. */
function mustBeSchema(type: string, field: 'parameters' | 'state', schema: unknown): void {
  const verb = field === 'parameters' ? 'are' : 'is'
  const has = (key: string) => typeof schema === 'object' && schema !== null && key in schema
  if (has('_zod')) return
  throw definitionInvalid(
    type,
    has('_def')
      ? `its ${field} ${verb} a schema of zod 3: import z from zod 4 (npm install zod@4, or 'zod/v4' in zod 3.25)`
      : `its ${field} must be a zod schema, like z.object({...})`,
  )
}

/** File and line of the call to the function, as far as the platform tells. */
function callerOf(called: Function): string | undefined {
  const holder = { stack: '' }
  Error.captureStackTrace(holder, called)
  const [, place, line] = /((?:file:\/\/)?\/[^\s()]+?):(\d+)/.exec(holder.stack) ?? []
  if (place === undefined) return undefined
  return `${place.startsWith('file:') ? fileURLToPath(place) : place}:${line}`
}

export function wholeOf(type: string, field: string, value: number | undefined): number | null {
  if (value !== undefined && (!Number.isSafeInteger(value) || value < 1)) {
    throw definitionInvalid(type, `${field} must be a whole number of at least 1`)
  }
  return value ?? null
}

export function definitionInvalid(type: string, message: string): DefinitionInvalid {
  return new DefinitionInvalid(`task type ${JSON.stringify(type)}: ${message}`)
}

/** Fills in missing parts from `base`; undefined if a part is invalid. */
export function resolveBackoff(options: Duration | BackoffOptions, base: Backoff): Backoff | undefined {
  const given = typeof options === 'object' ? options : { base: options }
  const first = given.base === undefined ? base.base : parseDuration(given.base)
  const max = given.max === undefined ? base.max : parseDuration(given.max)
  const factor = given.factor ?? base.factor
  const jitter = given.jitter ?? base.jitter
  if (first === undefined || max === undefined) return undefined
  if (!(factor >= 1 && factor <= 100) || !(jitter >= 0 && jitter <= 1)) return undefined
  return { base: first, factor, max, jitter }
}
