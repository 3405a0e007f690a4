import { StoreUnavailable } from '../../core/errors.ts'

/** What a connection string says. */
export type Address = Readonly<{
  /** One connection string for each server, as the driver takes it. */
  servers: readonly string[]
  /** The schema of the tables. */
  schema?: string
  /** Milliseconds for which a boot lives without being renewed. */
  lease?: number
}>

/** Milliseconds. */
const shortestLease = 1_000
const longestLease = 3_600_000

/** A server that takes no writes is of no use, so that all of these mean the same; the others cannot be meant. */
const wanted = new Set([null, 'any', 'primary', 'read-write'])

/**
 * Several servers stand with commas between, `postgres://user:secret@one:5432,two:5432/db`, of which the driver knows nothing;
 * and it takes `schema` and `lease` for settings of the server. Throws `StoreUnavailable`, for an operator.
 */
export function addressOf(database: string): Address {
  const [, scheme, user = '', hosts, path = ''] = parts.exec(database) ?? []
  if (scheme === undefined || hosts === undefined) throw refused('It is no address of a PostgreSQL.')
  const [before, query] = path.split('?', 2)
  const settings = new URLSearchParams(query)
  const [schema, lease] = [settings.get('schema'), settings.get('lease')]
  if (!wanted.has(settings.get('target_session_attrs'))) {
    throw refused('Fermata writes: target_session_attrs can only be read-write or primary.')
  }
  const ms = Number(lease ?? 15) * 1_000
  if (!(ms >= shortestLease && ms <= longestLease)) {
    throw refused(`The lease of ${lease} is not a number of seconds from 1 to 3600.`)
  }
  for (const own of ['schema', 'lease', 'target_session_attrs']) settings.delete(own)
  const rest = settings.size === 0 ? before : `${before}?${settings.toString()}`
  return {
    servers: hosts.split(',').map((host) => `${scheme}${user}${host}${rest}`),
    ...(schema === null ? {} : { schema }),
    ...(lease === null ? {} : { lease: ms }),
  }
}

/** Scheme, user, servers, and whatever follows. */
const parts = /^(postgres(?:ql)?:\/\/)([^/?]*@)?([^/?]*)(.*)$/s

/** The server of a connection string of one server, for people: without user and settings. */
export function nameOf(server: string): string {
  return parts.exec(server)?.[3] ?? 'the server'
}

function refused(message: string): StoreUnavailable {
  return new StoreUnavailable(message, { unknown: false })
}
