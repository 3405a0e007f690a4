import type { z } from 'zod'
import { checkedOptions, definitionInvalid, type TypeOptions } from './options.ts'
import { brand, type PauseBy, type TaskType } from './type.ts'

/** A value, or a function of the parameters. */
type From<Parameters, Value> = Value | ((parameters: Parameters) => Value)

export interface CommandDefinition<Parameters extends z.ZodType, State extends z.ZodType> extends TypeOptions<
  Parameters,
  State
> {
  /** The file and its arguments, from the parameters. No shell is involved. */
  command(parameters: z.output<Parameters>): readonly string[]
  /** Variables in addition to `PATH`, `HOME`, `LANG`, `TZ`, `TMPDIR` and those of the task; nothing else is inherited. */
  env?: From<z.output<Parameters>, Readonly<Record<string, string>>>
  /** Working folder. Default: that of the node. */
  cwd?: From<z.output<Parameters>, string>
  /** Default `freeze`. */
  pause?: PauseBy
}

/** Makes any executable a type. Throws `DefinitionInvalid` with the reason. */
export function defineCommand<Parameters extends z.ZodType, State extends z.ZodType = z.ZodUnknown>(
  definition: CommandDefinition<Parameters, State>,
): TaskType<z.input<Parameters>, z.output<State>> {
  const options = checkedOptions(definition, defineCommand)
  const { pause = 'freeze' } = definition
  if (pause !== 'freeze' && pause !== 'checkpoint') {
    throw definitionInvalid(options.type, 'pause must be "freeze" or "checkpoint"')
  }
  if (pause === 'freeze' && options.preemption !== null) {
    throw definitionInvalid(
      options.type,
      'preemptible needs pause: "checkpoint": a frozen program would start over',
    )
  }
  return Object.freeze({
    [brand]: true as const,
    ...options,
    runs: 'command',
    module: null,
    memory: null,
    command: Object.freeze({
      command: definition.command as (parameters: unknown) => readonly string[],
      env: valueFrom(definition.env, {}) as (parameters: unknown) => Readonly<Record<string, string>>,
      cwd: valueFrom(definition.cwd, undefined) as (parameters: unknown) => string | undefined,
      pause,
    }),
    run: () => {
      throw new Error('an executable has no handler')
    },
  })
}

function valueFrom<Parameters, Value>(given: From<Parameters, Value> | undefined, otherwise: Value) {
  if (typeof given === 'function') return given as (parameters: Parameters) => Value
  return () => given ?? otherwise
}
