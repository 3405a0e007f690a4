import { accessSync, constants } from 'node:fs'
import { DatabaseInvalid } from '../../core/errors.ts'
import { nearest } from '../../core/nearest.ts'
import { hasControlCharacter } from '../../core/text.ts'

/** The parts of a connection string. */
export type Address = Readonly<{
  /** One connection string per server, with all parts encoded. */
  servers: readonly string[]
  /** The schema of the tables. */
  schema?: string
  /** Milliseconds for which a node lives without a renewal. */
  lease?: number
}>

/** Milliseconds. */
const shortestLease = 1_000
const longestLease = 3_600_000

/** Maximum bytes of a name: the server silently truncates longer ones, and then uses another schema or database. */
const longestName = 63

/**
 * Several comma-separated servers, `postgres://user:secret@one:5432,two:5432/db`, are unknown to the driver, which also
 * takes `schema` and `lease` for server settings. What it does not understand, it misinterprets or ignores, so every part is
 * checked here. Throws `DatabaseInvalid`.
 */
export function addressOf(database: string): Address {
  const refuse: Refuse = (why) => {
    throw new DatabaseInvalid(database, why)
  }
  if (/\s/.test(database) || hasControlCharacter(database))
    refuse('it contains a space or line break: remove it, or write %20')
  if (database.includes('#')) refuse('write # as %23')
  const [, scheme, credentials, hosts = '', path = '', query] = parts.exec(database) ?? []
  if (scheme === undefined) return refuse(`write ${form}`)
  if (path.includes('@')) {
    refuse('write / ? and @ in a user name, password or database name as %2F %3F %40')
  }
  const decode = (text: string, what: string) => decoded(text, what, refuse)
  const user = userOf(credentials, decode, refuse)
  const name = databaseOf(path, decode, refuse)
  const { schema, lease, rest } = optionsOf(query, decode, refuse)
  const socket = rest.get('host')
  const servers = hosts === '' && socket !== undefined ? [''] : hosts.split(',')
  for (const server of servers)
    if (server !== '' || socket === undefined) mustBeServer(server, decode, refuse)
  const settings = [...rest].map(([option, value]) => `${option}=${encodeURIComponent(value)}`).join('&')
  return {
    servers: servers.map((server) => `${scheme}${user}${server}${name}${settings && `?${settings}`}`),
    ...(schema === undefined ? {} : { schema }),
    ...(lease === undefined ? {} : { lease: Number(lease) * 1_000 }),
  }
}

/** The server of a single-server connection string for people: without user and settings. */
export function nameOf(server: string): string {
  return parts.exec(server)?.[3] || 'the server'
}

/** The database name in a single-server connection string; undefined if it has none. */
export function databaseNameOf(server: string): string | undefined {
  const name = parts.exec(server)?.[4]?.slice(1)
  return name === undefined || name === '' ? undefined : decodeURIComponent(name)
}

/** Scheme, user and password, servers, path, and query. */
const parts = /^(postgres(?:ql)?:\/\/)(?:([^/?]*)@)?([^/?@]*)(\/[^?]*)?(?:\?(.*))?$/s

const form = 'postgres://USER:PASSWORD@HOST:PORT/DATABASE'

type Refuse = (why: string) => never
type Decode = (text: string, what: string) => string

function decoded(text: string, what: string, refuse: Refuse): string {
  try {
    const plain = decodeURIComponent(text)
    return plain.includes('\0') ? refuse(`the ${what} contains a NUL`) : plain
  } catch {
    return refuse(`write % in the ${what} as %25`)
  }
}

function userOf(credentials: string | undefined, decode: Decode, refuse: Refuse): string {
  if (credentials === undefined) return ''
  const [, name = '', password] = /^([^:]*)(?::(.*))?$/s.exec(credentials) ?? []
  if (name === '') refuse('the user name is empty')
  const user = encodeURIComponent(mustFit(decode(name, 'user name'), 'user name', refuse))
  return password === undefined ? `${user}@` : `${user}:${encodeURIComponent(decode(password, 'password'))}@`
}

function databaseOf(path: string, decode: Decode, refuse: Refuse): string {
  const name = path.slice(1)
  if (name === '') return path
  if (name.includes('/')) refuse('write / in the database name as %2F')
  return `/${encodeURIComponent(mustFit(decode(name, 'database name'), 'database name', refuse))}`
}

function mustFit(text: string, what: string, refuse: Refuse): string {
  if (Buffer.byteLength(text) > longestName) refuse(`the ${what} is longer than ${longestName} bytes`)
  return text
}

function mustBeServer(server: string, decode: Decode, refuse: Refuse): void {
  const [, host = '', port] = /^(\[[^[\]]*\]|[^:[\]]*)(?::(.*))?$/s.exec(server) ?? []
  if (host === '') refuse(server === '' ? `name the host: ${form}` : 'there is no host before the port')
  decode(host, 'host')
  if (port === undefined) return
  if (isPort(port)) return
  // This may be a password whose @ is missing.
  refuse(
    'the port must be a number from 1 to 65535, and / ? # @ in a password must be written %2F %3F %23 %40',
  )
}

type Options = Readonly<{ schema?: string; lease?: string; rest: ReadonlyMap<string, string> }>

function optionsOf(query: string | undefined, decode: Decode, refuse: Refuse): Options {
  const given = new Map<string, string>()
  for (const pair of query?.split('&') ?? []) {
    const [, written = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(pair) ?? []
    if (written.includes('@')) refuse('write / ? and @ in a user name or password as %2F %3F %40')
    const option = decode(written, 'name of an option')
    if (!Object.hasOwn(options, option)) refuse(unknownOption(option))
    if (given.has(option)) refuse(`the option ${option} appears twice`)
    if (value === '') refuse(`the option ${option} has no value`)
    if (/[?;]/.test(value)) refuse('separate options with &, and write ? and ; in a value as %3F and %3B')
    const plain = decode(value, `value of ${option}`)
    const must = options[option]?.(plain)
    if (must !== undefined) refuse(`the option ${option} must be ${must}, not ${JSON.stringify(plain)}`)
    given.set(option, plain)
  }
  const { schema, lease } = Object.fromEntries(given)
  for (const own of ['schema', 'lease', 'target_session_attrs']) given.delete(own)
  return {
    rest: given,
    ...(schema === undefined ? {} : { schema }),
    ...(lease === undefined ? {} : { lease }),
  }
}

function unknownOption(option: string): string {
  const known = Object.keys(options)
  const meant = nearest(option, known)
  const remedy = meant === undefined ? `the options are ${known.join(', ')}` : `did you mean ${meant}?`
  return `unknown option ${JSON.stringify(option)}: ${remedy}`
}

/** What a value must be, if it is not; undefined if it is. */
type Check = (value: string) => string | undefined

const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    values.includes(value) ? undefined : values.join(', ').replace(/, ([^,]*)$/, ' or $1')
const anything: Check = () => undefined
const milliseconds: Check = (value) => (/^\d{1,9}$/.test(value) ? undefined : 'a number of milliseconds')
const name: Check = (value) =>
  Buffer.byteLength(value) <= longestName ? undefined : `a name of at most ${longestName} bytes`
const file: Check = (value) => {
  try {
    accessSync(value, constants.R_OK)
    return undefined
  } catch {
    return 'a file that can be read'
  }
}

/** All supported query options: our own, and those of the driver that are useful in addition to what is set here. */
const options: Readonly<Record<string, Check>> = {
  schema: (value) => (value.startsWith('pg_') ? 'a name that does not begin with pg_' : name(value)),
  lease: (value) => {
    const ms = /^\d{1,4}(?:\.\d{1,3})?$/.test(value) ? Number(value) * 1_000 : 0
    return ms >= shortestLease && ms <= longestLease ? undefined : 'a number of seconds from 1 to 3600'
  },
  // A server that accepts no writes is useless, so all of these mean the same; other values cannot be meant.
  target_session_attrs: oneOf('read-write', 'primary', 'any'),
  user: name,
  password: anything,
  host: (value) =>
    value.startsWith('/')
      ? undefined
      : 'the folder of a socket; write a host name before the path of the URL',
  port: (value) => (isPort(value) ? undefined : 'a number from 1 to 65535'),
  ssl: oneOf('true', '1', '0', 'no-verify'),
  sslmode: oneOf('disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'),
  sslcert: file,
  sslkey: file,
  sslrootcert: file,
  sslnegotiation: oneOf('postgres', 'direct'),
  uselibpqcompat: oneOf('true', 'false'),
  application_name: anything,
  fallback_application_name: anything,
  options: anything,
  statement_timeout: milliseconds,
  lock_timeout: milliseconds,
  idle_in_transaction_session_timeout: milliseconds,
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535
}
