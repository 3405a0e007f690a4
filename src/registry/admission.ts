import { parseDuration } from '../core/duration.ts'
import { limitBounds, limitIssues, limitName, type LimitDefinition, type LimitScope } from '../core/limits.ts'
import type { DefinitionInvalid } from '../core/errors.ts'
import type { Duration } from './context.ts'

/** A limit under which the tasks of a type start. */
export type LimitOptions<Parameters = never> = Readonly<{
  /** Limits of the same name are one limit, whichever types use them. */
  name: string
  /**
   * Each key has a bucket of its own: `(parameters) => parameters.customer`. Null: the task is not under this limit. Default: one
   * bucket for all.
   */
  key?: (parameters: Parameters) => string | number | null | undefined
  /** Maximum number of tasks of a bucket that run at once. */
  concurrency?: number
  /** At most `limit` starts at once after a quiet time, then one every `per / limit`. */
  rate?: Readonly<{ limit: number; per: Duration }>
  /** Maximum number of tasks that wait for a bucket, up to 10,000: further submits are refused. */
  maxQueued?: number
  /** Counted over all nodes, or for each node. Default `global`. */
  scope?: LimitScope
}>

/** Who takes turns: within a priority, each key starts one task before any starts the next one. */
export type FairnessOptions<Parameters = never> = Readonly<{
  /** Null or no key: the task takes turns with all others that have none. A submit can give another one. */
  key?: (parameters: Parameters) => string | number | null | undefined
  /** Turns of a key beside one with a weight of 1, from 0.001 to 1,000. Default 1. */
  weight?: (key: string) => number
}>

/** The options that decide when tasks start. */
export type AdmissionOptions<Parameters = never> = Readonly<{
  limits?: readonly LimitOptions<Parameters>[]
  fairness?: FairnessOptions<Parameters>
  aging?: Duration
}>

type KeyOf = (parameters: unknown) => unknown

/** `definition` is null if the limit is defined elsewhere. */
export type TypeLimitRule = Readonly<{
  name: string
  key: KeyOf | null
  definition: LimitDefinition | null
}>

export type AdmissionRules = Readonly<{
  limits: readonly TypeLimitRule[]
  fairnessKey: KeyOf | null
  weight: ((key: string) => number) | null
  /** Milliseconds. */
  aging: number | null
}>

/** Null for a type that has none of these options. */
export function admissionRules(
  { limits = [], fairness, aging }: AdmissionOptions,
  invalid: (message: string) => DefinitionInvalid,
): AdmissionRules | null {
  if (!Array.isArray(limits)) throw invalid('limits must be a list of limits')
  const list = limits as readonly LimitOptions[]
  if (list.length > limitBounds.perTask) throw invalid(`limits has more than ${limitBounds.perTask} limits`)
  const rules = list.map((limit) => limitRule(limit, invalid))
  const twice = rules.find(({ name }, index) => rules.findIndex((other) => other.name === name) !== index)
  if (twice !== undefined) throw invalid(`limits has ${twice.name} twice`)
  for (const option of [fairness?.key, fairness?.weight])
    if (option !== undefined && typeof option !== 'function')
      throw invalid('fairness.key and fairness.weight must be functions')
  const step = aging === undefined ? null : (parseDuration(aging) ?? 0)
  if (step !== null && step < limitBounds.leastAging)
    throw invalid('aging must be a duration of at least a second, like "10m"')
  if (rules.length === 0 && fairness === undefined && step === null) return null
  return {
    limits: rules,
    fairnessKey: (fairness?.key as KeyOf | undefined) ?? null,
    weight: fairness?.weight ?? null,
    aging: step,
  }
}

function limitRule(
  { name, key, concurrency, rate, maxQueued, scope = 'global' }: LimitOptions,
  invalid: (message: string) => DefinitionInvalid,
): TypeLimitRule {
  if (typeof name !== 'string' || !limitName.test(name))
    throw invalid('the name of a limit has 1 to 100 letters, digits, "_", "-", "." or ":"')
  if (key !== undefined && typeof key !== 'function')
    throw invalid(`the key of limit ${name} must be a function of the parameters`)
  if (scope !== 'global' && scope !== 'node') throw invalid(`the scope of limit ${name} is global or node`)
  const keyOf = (key as KeyOf | undefined) ?? null
  if (concurrency === undefined && rate === undefined && maxQueued === undefined)
    return { name, key: keyOf, definition: null }
  const definition = {
    name,
    concurrency: concurrency ?? null,
    rate: rate === undefined ? null : { limit: rate.limit, per: parseDuration(rate.per) ?? 0 },
    ...(maxQueued === undefined ? {} : { maxQueued }),
    scope,
  }
  const [issue] = limitIssues(definition)
  if (issue !== undefined) throw invalid(`limit ${name}: ${issue.path} ${issue.message}`)
  return { name, key: keyOf, definition }
}
