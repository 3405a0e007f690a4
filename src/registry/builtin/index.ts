import type { AnyTaskType } from '../type.ts'
import { add } from './add.ts'
import { fib } from './fib.ts'
import { long } from './long.ts'

/** The built-in types. */
export const builtinTypes: readonly AnyTaskType[] = [add, fib, long]
