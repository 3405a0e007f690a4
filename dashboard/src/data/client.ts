import { Fermata } from '../../../src/client/index.ts'
import { base } from './base.ts'
import { connection } from './connection.ts'

export { isFermataError } from '../../../src/client/index.ts'

/** The server that this page came from. It tries once: what to do when it is away, `connection` and the queries decide. */
export const client = new Fermata({
  url: `${location.origin}${base}`,
  patience: 0,
  onRetry: ({ error }) => connection.failed(error),
})
