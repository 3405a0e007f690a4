import type { FermataError, TaskWait } from '../../../src/client/index.ts'
import type { JsonSchema } from '../../../src/contract/json-schema.ts'
import type { Faults, Parameters } from '../submit/entries.ts'
import { placed } from '../submit/faults.ts'

/** The name of the only field for an answer that is no object. */
const whole = 'answer'

/** How an answer is filled in: as an object, whose fields the form shows. */
export type AnswerShape = Readonly<{
  schema: JsonSchema
  answerOf: (parameters: Parameters) => unknown
  /** The path in the form for one that the server names. */
  placeOf: (path: string) => string
}>

export function shapeOf(schema: TaskWait['schema']): AnswerShape {
  const given = (schema ?? {}) as JsonSchema
  if (given.properties !== undefined) {
    const placeOf = (path: string) => (path.startsWith(`${whole}.`) ? path.slice(whole.length + 1) : '')
    return { schema: given, answerOf: (parameters) => parameters, placeOf }
  }
  const { $defs, ...value } = given
  return {
    schema: {
      type: 'object',
      properties: { [whole]: value },
      required: [whole],
      ...($defs === undefined ? {} : { $defs }),
    },
    answerOf: (parameters) => parameters[whole],
    placeOf: (path) => path,
  }
}

/** What the server has against an answer: at fields of the form, and above it. */
export function refusalOf(
  { code, detail, errors }: Pick<FermataError, 'code' | 'detail' | 'errors'>,
  { placeOf }: AnswerShape,
  keys: readonly string[],
): Readonly<{ at: Faults; head: readonly string[] }> {
  if (code !== 'ANSWER_INVALID' || errors.length === 0) return { at: {}, head: [detail] }
  const issues = errors.map(({ path, message }) => ({ path: placeOf(path), message }))
  const { at, others } = placed(issues, keys)
  return { at, head: others.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)) }
}
