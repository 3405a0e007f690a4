declare const phantom: unique symbol

/** Carries the types of a task type: of its parameters, its state and its result. */
export interface Typed<Input = never, State = unknown, Result = unknown> {
  readonly type: string
  readonly [phantom]?: (input: Input) => readonly [State, Result]
}
