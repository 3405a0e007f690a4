/**
 * A rule that reads while it decides, for stores that answer at once and stores that answer later: it yields what it asked for and
 * continues with the answer.
 */
export type Reading<T> = Generator<unknown, T, unknown>

export type Answer<T> = T | Promise<T>

/** `const rows = yield* answerTo(store.rows())`. */
export function* answerTo<T>(asked: Answer<T>): Reading<T> {
  return (yield asked) as T
}

/** For a store that answers at once. */
export function readNow<T>(reading: Reading<T>): T {
  let step = reading.next()
  while (step.done !== true) step = reading.next(step.value)
  return step.value
}

export async function readLater<T>(reading: Reading<T>): Promise<T> {
  let step = reading.next()
  while (step.done !== true) step = reading.next(await step.value)
  return step.value
}
