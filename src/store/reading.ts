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

/** Both were asked before either is waited for, which saves a round trip to a database. */
export function* answersTo<A, B>(a: Answer<A>, b: Answer<B>): Reading<[A, B]> {
  const areLater = a instanceof Promise || b instanceof Promise
  return (yield areLater ? Promise.all([a, b]) : [a, b]) as [A, B]
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
