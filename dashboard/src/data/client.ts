import { Fermata } from '../../../src/client/index.ts'
import { storedKey } from '../access/key.ts'
import { base } from './base.ts'
import { connection } from './connection.ts'

export { isFermataError } from '../../../src/client/index.ts'

/** The server of this page. It does not retry: `connection` and the queries decide what to do if it is unreachable. */
export const client = new Fermata({
  url: `${location.origin}${base}`,
  apiKey: storedKey,
  patience: 0,
  onRetry: ({ error }) => connection.failed(error),
})
