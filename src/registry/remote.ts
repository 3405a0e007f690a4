import type { Pointer } from '../core/redaction.ts'
import type { WorkerType } from '../core/worker.ts'
import { defaultBackoff } from '../core/retry.ts'
import { validatorOf } from './json-schema.ts'
import { brand, type AnyTaskType } from './type.ts'

/** How deep a schema is searched for sensitive values. */
const deepest = 20

/** A type whose handler runs in remote workers. Throws `OptionsInvalid` for a schema that is not valid. */
export async function remoteType(worker: WorkerType, path = 'parameters'): Promise<AnyTaskType> {
  const schema = worker.parameters ?? { type: 'object' }
  const parameters = await validatorOf(schema, path)
  const pointers = writeOnlyIn(schema)
  return Object.freeze({
    [brand]: true as const,
    type: worker.type,
    definedAt: undefined,
    description: worker.description,
    parameters,
    jsonSchema: schema,
    example: undefined,
    state: undefined,
    runs: 'remote' as const,
    module: null,
    memory: null,
    command: null,
    concurrency: worker.concurrency,
    maxQueued: null,
    attempts: worker.attempts,
    backoff: defaultBackoff,
    timeout: worker.timeout,
    expiresIn: null,
    poisonLimit: null,
    preemption: null,
    unique: null,
    admission: null,
    sensitive:
      pointers.length === 0
        ? null
        : { parameters: pointers, checkpoint: [], result: [], steps: [], answers: [] },
    run: () => {
      throw new Error('the handler of this type runs in remote workers')
    },
  })
}

/** Pointers to what the schema marks with `writeOnly`: sensitive values. */
function writeOnlyIn(schema: unknown, depth = 0): Pointer[] {
  if (typeof schema !== 'object' || schema === null || depth > deepest) return []
  const { writeOnly, properties, items, additionalProperties, ...others } = schema as Record<string, unknown>
  if (writeOnly === true) return [[]]
  const below = (token: string, inner: unknown) =>
    writeOnlyIn(inner, depth + 1).map((pointer): Pointer => [token, ...pointer])
  const alternatives = [others['anyOf'], others['oneOf'], others['allOf']].flat()
  return [
    ...Object.entries(properties ?? {}).flatMap(([name, inner]) => below(name, inner)),
    ...below('*', items),
    ...below('*', additionalProperties),
    ...alternatives.flatMap((inner) => writeOnlyIn(inner, depth + 1)),
  ]
}
