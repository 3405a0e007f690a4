import { z } from 'zod'
import { parseDuration } from './core/duration.ts'
import { nearest } from './core/nearest.ts'
import { nodeVariable, taskVariables } from './core/task-variables.ts'

/** One thing that an operator can set: the flag, the variable, the help and the documentation derive from it. */
export type Setting<Value> = Readonly<{
  variable: string
  flag: string
  /** Name of the value in the help; empty for a flag that turns it off. */
  value: string
  /** As text, as an operator would write it. */
  default: string
  help: string
  /** What is valid, to follow "must be". */
  must: string
  schema: z.ZodType<Value, string>
}>

const whole = (least: number, most: number) => ({
  must: `a whole number from ${least} to ${most}`,
  schema: z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .refine((value) => value >= least && value <= most),
})

const day = 86_400_000

/** In milliseconds. */
const duration = (least: number, most: number) => ({
  must: `a duration from ${written(least)} to ${written(most)}, like "90s", "10m" or "7d"`,
  schema: z
    .string()
    .transform((text) => parseDuration(text) ?? Number.NaN)
    .refine((ms) => ms >= least && ms <= most),
})

function written(ms: number): string {
  return ms >= day ? `${ms / day}d` : `${ms / 1_000}s`
}

/** Items with commas between, in lower case. */
const list = (item: RegExp, clean: (text: string) => string) =>
  z
    .string()
    .max(10_000)
    .transform((text): readonly string[] =>
      text
        .toLowerCase()
        .split(',')
        .map((part) => clean(part.trim()))
        .filter((part) => part !== ''),
    )
    .refine((items) => items.every((one) => item.test(one)))

const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

export const settings = {
  port: {
    variable: 'PORT',
    flag: '--port',
    value: 'number',
    default: '8000',
    help: 'port to listen on; 0 takes any free one',
    ...whole(0, 65_535),
  },
  host: {
    variable: 'HOST',
    flag: '--host',
    value: 'address',
    default: '127.0.0.1',
    help: 'address to listen on; 0.0.0.0 for all',
    must: 'an IP address or a host name',
    schema: z.string().regex(/^[\w.:%-]{1,253}$/),
  },
  allowedHosts: {
    variable: 'FERMATA_ALLOWED_HOSTS',
    flag: '--allowed-hosts',
    value: 'list',
    default: '',
    help: 'host names that the server answers to, with commas between; beside IP addresses, localhost, names without a dot and its own name',
    must: 'host names without a port, like fermata.example.com, with commas between',
    schema: list(/^[\w-]+(?:\.[\w-]+)*$/, (name) => name.replace(/\.$/, '')),
  },
  allowedOrigins: {
    variable: 'FERMATA_ALLOWED_ORIGINS',
    flag: '--allowed-origins',
    value: 'list',
    default: '',
    help: 'origins of other sites whose pages may call the API (CORS), with commas between',
    must: 'origins like https://console.example.com, with commas between',
    schema: list(/^[a-z][\w+.-]*:\/\/(?:[\w-]+(?:\.[\w-]+)*|\[[\da-f:.]+\])(?::\d{1,5})?$/, (origin) =>
      origin.replace(/\/$/, '').replace(/^(https:.*):443$|^(http:.*):80$/, '$1$2'),
    ),
  },
  basePath: {
    variable: 'FERMATA_BASE_PATH',
    flag: '--base-path',
    value: 'path',
    default: '/',
    help: 'prefix under which a reverse proxy shows the server; requests may come with it or without',
    must: 'a path like /fermata',
    schema: z.string().regex(/^\/$|^(?:\/[\w.~-]*[\w~-])+\/?$/),
  },
  database: {
    variable: 'DATABASE_URL',
    flag: '--database',
    value: 'url',
    default: 'sqlite:./fermata.db',
    help: 'where tasks are kept: sqlite:PATH, or postgres://... for many nodes; sqlite::memory: keeps nothing',
    must: 'sqlite:PATH, sqlite::memory: or postgres://USER:PASSWORD@HOST[,HOST...]/DATABASE',
    // Looked at more closely by what opens it.
    schema: z.string().min(1),
  },
  maxConcurrent: {
    variable: 'FERMATA_MAX_CONCURRENT',
    flag: '--max-concurrent',
    value: 'number',
    default: '10',
    help: 'tasks that run at once; 0 runs none and only serves the API',
    ...whole(0, 10_000),
  },
  threads: {
    variable: 'FERMATA_THREADS',
    flag: '--threads',
    value: 'number',
    default: '0',
    help: 'threads kept warm for types that compute; 0 takes one for each core',
    ...whole(0, 1_000),
  },
  tasks: {
    variable: 'FERMATA_TASKS',
    flag: '--tasks',
    value: 'path',
    default: '',
    help: 'module of your own task types (.ts or .js), or a folder of them; beside the built-in ones',
    must: 'a path',
    schema: z.string().regex(/^[^\0]*$/),
  },
  builtins: {
    variable: 'FERMATA_BUILTINS',
    flag: '--no-builtins',
    value: '',
    default: 'true',
    help: 'whether the server has the built-in types add, fib and long',
    must: 'true or false',
    schema: z.enum(['true', 'false']).transform((text) => text === 'true'),
  },
  types: {
    variable: 'FERMATA_TYPES',
    flag: '--types',
    value: 'list',
    default: 'all',
    help: 'types that this node runs, with commas between; the API serves all',
    must: 'names of types with commas between, or all',
    schema: z
      .string()
      .regex(/^[\w.:-]+(?:,[\w.:-]+)*$/)
      .transform((text) => (text === 'all' ? null : text.split(','))),
  },
  retention: {
    variable: 'FERMATA_RETENTION',
    flag: '--retention',
    value: 'duration',
    default: '7d',
    help: 'tasks are deleted so long after they have ended',
    ...duration(1_000, 36_500 * day),
  },
  maxQueued: {
    variable: 'FERMATA_MAX_QUEUED',
    flag: '--max-queued',
    value: 'number',
    default: '10000000',
    help: 'waiting tasks that are held; more are refused',
    ...whole(1, 1_000_000_000),
  },
  cancelGrace: {
    variable: 'FERMATA_CANCEL_GRACE',
    flag: '--cancel-grace',
    value: 'duration',
    default: '5s',
    help: 'time that a cancelled handler has to stop by itself',
    ...duration(0, day),
  },
  drain: {
    variable: 'FERMATA_DRAIN',
    flag: '--drain',
    value: 'duration',
    default: '25s',
    help: 'time that running tasks have when the server stops',
    ...duration(0, day),
  },
  logLevel: {
    variable: 'LOG_LEVEL',
    flag: '--log-level',
    value: 'level',
    default: 'info',
    help: 'least weight of what is logged',
    must: `one of ${levels.join(', ')}`,
    schema: z.enum(levels),
  },
} as const satisfies Record<string, Setting<unknown>>

export type SettingName = keyof typeof settings

/** What an operator chose, checked; durations in milliseconds. */
export type Config = Readonly<{ [Name in SettingName]: z.output<(typeof settings)[Name]['schema']> }>

/** A setting is not valid; the message is one line for the operator. */
export class ConfigInvalid extends Error {
  readonly code = 'CONFIG_INVALID'
  override readonly name = 'ConfigInvalid'
}

export type ConfigSources = Readonly<{
  /** What stands behind the flags of the command line, by setting; these win. */
  flags: Readonly<Partial<Record<SettingName, string>>>
  /** An empty variable counts as not set. */
  env: Readonly<Record<string, string | undefined>>
}>

/** Throws `ConfigInvalid`, naming the flag or variable, its value and what it must be. */
export function readConfig({ flags, env }: ConfigSources): Config {
  refuseUnknown(env)
  const entries = Object.entries(settings).map(([name, setting]: [string, Setting<unknown>]) => {
    const given = flags[name as SettingName]
    const inherited = env[setting.variable]
    const text = given ?? (inherited === undefined || inherited === '' ? setting.default : inherited)
    const parsed = setting.schema.safeParse(text)
    if (parsed.success) return [name, parsed.data]
    const source = given === undefined ? `${setting.variable}=${text}` : `${setting.flag} ${text}`
    throw new ConfigInvalid(`${source} is not valid: it must be ${setting.must}.`)
  })
  return Object.freeze(Object.fromEntries(entries)) as Config
}

/** A misspelt setting would otherwise be passed over in silence. */
function refuseUnknown(env: ConfigSources['env']): void {
  const own = Object.values(settings).map(({ variable }): string => variable)
  const known = new Set([...own, ...ofClients, ...ofTasks])
  for (const [name, value = ''] of Object.entries(env)) {
    if (!name.startsWith('FERMATA_') || known.has(name) || isInjected(name, value)) continue
    const bare = name.slice('FERMATA_'.length)
    const meant = own.includes(bare) ? bare : nearest(name, [...own, ...ofClients])
    const remedy = meant === undefined ? 'see fermata serve --help.' : `did you mean ${meant}?`
    throw new ConfigInvalid(`${name} is not a setting of this program: ${remedy}`)
  }
}

/** Read by the clients, which may share the environment of the server. */
const ofClients = ['FERMATA_URL']

/** Set for a command, which may start a server. */
const ofTasks = [...Object.keys(taskVariables({ id: '', type: '', attempt: 1, fence: 1 })), nodeVariable]

/**
 * Kubernetes tells every container of a namespace where its services are, by variables named after them: those of a service
 * `fermata`, or `fermata-worker`, look like settings. Name and value must both be of that form, so that `FERMATA_PORT=8000`
 * is still found to be a mistake.
 */
function isInjected(name: string, value: string): boolean {
  return injected.some(([part, values]) => isOfService(name, part) && values.test(value))
}

function isOfService(name: string, part: string): boolean {
  return new RegExp(`^FERMATA(?:_[A-Z0-9_]+)?_${part}$`).test(name)
}

/** What follows the name of the service, and its values. */
const injected = [
  ['SERVICE_HOST', /^(?:\d{1,3}(?:\.\d{1,3}){3}|[\da-f:.]*:[\da-f:.]*)$/i],
  ['SERVICE_PORT(?:_[A-Z0-9_]+)?', /^\d+$/],
  ['PORT(?:_\\d+_(?:TCP|UDP|SCTP))?', /^(?:tcp|udp|sctp):\/\/\S+:\d+$/],
  ['PORT_\\d+_(?:TCP|UDP|SCTP)_PROTO', /^(?:tcp|udp|sctp)$/],
  ['PORT_\\d+_(?:TCP|UDP|SCTP)_PORT', /^\d+$/],
  ['PORT_\\d+_(?:TCP|UDP|SCTP)_ADDR', /^[\da-f.:]+$/i],
] as const
