import type { z } from 'zod'
import type { TaskContext, ThreadContext } from './context.ts'
import { checkedOptions, definitionInvalid, wholeOf, type TypeOptions } from './options.ts'
import { brand, type Runtime, type TaskType } from './type.ts'

type HandlerRuntime = Exclude<Runtime, 'command'>

export interface TaskDefinition<
  Parameters extends z.ZodType,
  State extends z.ZodType,
  Result,
  Runs extends HandlerRuntime = 'inline',
> extends TypeOptions<Parameters, State> {
  /** Where the handler runs. Default `inline`. */
  runs?: Runs
  /**
   * For threads and processes, which import it and look for the type among its exports: `import.meta.url`. Importing the
   * module must have no other effect. Not needed in a server, which knows the modules it loads.
   */
  module?: string
  /** For threads and processes: memory limit in megabytes, including buffers; beyond it the attempt fails. */
  memory?: number
  run(parameters: z.output<Parameters>, task: ContextIn<Runs, z.output<State>>): Promise<Result> | Result
}

type ContextIn<Runs extends HandlerRuntime, State> = Runs extends 'inline'
  ? TaskContext<State>
  : ThreadContext<State>

/** Validates a definition and freezes it. Throws `DefinitionInvalid` with the reason. */
export function defineTask<
  Parameters extends z.ZodType,
  Result,
  State extends z.ZodType = z.ZodUnknown,
  const Runs extends HandlerRuntime = 'inline',
>(
  definition: TaskDefinition<Parameters, State, Result, Runs>,
): TaskType<z.input<Parameters>, z.output<State>, Awaited<Result>> {
  const options = checkedOptions(definition, defineTask)
  const { type } = options
  const runs = definition.runs ?? 'inline'
  const { module = null } = definition
  if (module !== null && !URL.canParse(module)) {
    throw definitionInvalid(type, 'module must be a URL: module: import.meta.url')
  }
  const memory = wholeOf(type, 'memory', definition.memory)
  if (runs === 'inline' && memory !== null) {
    throw definitionInvalid(type, 'memory needs runs: "thread" or "process"')
  }
  return Object.freeze({
    [brand]: true as const,
    ...options,
    runs,
    module,
    memory: memory === null ? null : memory * 1_048_576,
    command: null,
    run: definition.run as (parameters: unknown, task: ThreadContext<unknown>) => unknown,
  })
}
