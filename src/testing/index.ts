import type { SubmitOptions } from '../engine/api.ts'
import type { TaskType } from '../registry/type.ts'
import type { At } from './breakpoints.ts'
import { TestManager, type TestManagerOptions } from './manager.ts'
import type { TestTask } from './task.ts'

export type { At, TestManager, TestManagerOptions, TestTask }

/** Opens a manager for a test; `await using` closes it. */
export function openTestManager(options: TestManagerOptions): Promise<TestManager> {
  return TestManager.open(options)
}

/** Runs one handler in a test manager of its own. `await using` closes both. */
export async function startTask<Input, State, Result>(
  type: TaskType<Input, State, Result>,
  parameters: Input,
  options: StartOptions<State> = {},
): Promise<StartedTask<Result, State>> {
  const { pauseAt, crashAt, ...own } = options
  const manager = await TestManager.open({ tasks: [type] })
  if (pauseAt !== undefined) manager.pauseAt(type, pauseAt)
  if (crashAt !== undefined) manager.crashAt(type, crashAt)
  const task = await manager.submit(type, parameters, own)
  return Object.assign(task, {
    manager,
    advance: (time: number | string) => manager.advance(time),
    crash: () => manager.crash(),
    [Symbol.asyncDispose]: () => manager[Symbol.asyncDispose](),
  })
}

export type StartOptions<State> = SubmitOptions &
  Readonly<{
    /** Pauses at this checkpoint. */
    pauseAt?: At<State>
    /** Its node dies right after the commit of this checkpoint, and another one starts. */
    crashAt?: At<State>
  }>

export type StartedTask<Result, State> = TestTask<Result, State> &
  AsyncDisposable &
  Pick<TestManager, 'advance' | 'crash'> &
  Readonly<{ manager: TestManager }>
