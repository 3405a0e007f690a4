import type { z } from 'zod'
import type * as answers from '../../../src/contract/answers.ts'

/** The bodies that the server answers, as the contract has them. */
export type Status = z.infer<typeof answers.Status>
