import { z } from 'zod'
import { parseDuration } from './core/duration.ts'
import { parseEncryptionKeys } from './core/encryption-keys.ts'
import { nearest } from './core/nearest.ts'
import { parseRateLimit } from './core/rate-limit.ts'
import { nodeVariable, taskVariables } from './core/task-variables.ts'

/** One setting. The flag, the variable, the help text and the documentation derive from it. */
export type Setting<Value> = Readonly<{
  variable: string
  /** Empty for secrets, which do not belong on a command line. */
  flag: string
  /** Never shown, not even if it is invalid. */
  secret?: true
  /** Placeholder for the value in the help; empty for a flag that turns the setting on or, as `--no-...`, off. */
  value: string
  /** As an operator would write it. */
  default: string
  help: string
  /** What is allowed, to follow "must be". */
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

/** Comma-separated items, in lower case. */
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

const formats = ['auto', 'pretty', 'json'] as const
const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

export const settings = {
  port: {
    variable: 'PORT',
    flag: '--port',
    value: 'number',
    default: '8000',
    help: 'port to listen on; 0 picks a free one',
    ...whole(0, 65_535),
  },
  host: {
    variable: 'HOST',
    flag: '--host',
    value: 'address',
    default: '127.0.0.1',
    help: 'address to listen on; 0.0.0.0 means all interfaces',
    must: 'an IP address or a host name',
    schema: z.string().regex(/^[\w.:%-]{1,253}$/),
  },
  allowedHosts: {
    variable: 'FERMATA_ALLOWED_HOSTS',
    flag: '--allowed-hosts',
    value: 'list',
    default: '',
    help: 'comma-separated host names the server accepts, in addition to IP addresses, localhost, names without a dot and its own host name',
    must: 'comma-separated host names without a port, like fermata.example.com',
    schema: list(/^[\w-]+(?:\.[\w-]+)*$/, (name) => name.replace(/\.$/, '')),
  },
  allowedOrigins: {
    variable: 'FERMATA_ALLOWED_ORIGINS',
    flag: '--allowed-origins',
    value: 'list',
    default: '',
    help: 'comma-separated origins whose pages may call the API (CORS)',
    must: 'comma-separated origins like https://console.example.com',
    schema: list(/^[a-z][\w+.-]*:\/\/(?:[\w-]+(?:\.[\w-]+)*|\[[\da-f:.]+\])(?::\d{1,5})?$/, (origin) =>
      origin.replace(/\/$/, '').replace(/^(https:.*):443$|^(http:.*):80$/, '$1$2'),
    ),
  },
  basePath: {
    variable: 'FERMATA_BASE_PATH',
    flag: '--base-path',
    value: 'path',
    default: '/',
    help: 'path prefix under which a reverse proxy serves Fermata; requests may include it or not',
    must: 'a path like /fermata',
    schema: z.string().regex(/^\/$|^(?:\/[\w.~-]*[\w~-])+\/?$/),
  },
  adminKey: {
    variable: 'FERMATA_ADMIN_KEY',
    flag: '',
    secret: true,
    value: '',
    default: '',
    help: 'a key with all scopes, named admin; with it, every call needs a key. A variable only: flags are visible to other users',
    must: '32 to 200 characters without spaces, like the output of "openssl rand -hex 32"',
    schema: z.string().regex(/^(?:[\x21-\x7e]{32,200})?$/),
  },
  requireKeys: {
    variable: 'FERMATA_REQUIRE_KEYS',
    flag: '--require-keys',
    value: '',
    default: 'false',
    help: 'refuse to start without a key; the flag turns this on',
    must: 'true or false',
    schema: z.enum(['true', 'false']).transform((text) => text === 'true'),
  },
  keyRateLimit: {
    variable: 'FERMATA_KEY_RATE_LIMIT',
    flag: '--key-rate-limit',
    value: 'limit',
    default: 'none',
    help: 'how many requests a key may make if it has no limit of its own: 100/1m is 100 at once, given back evenly over a minute; each node counts for itself',
    must: 'none, or a number and a time from 1s to 1d, like 100/1m',
    schema: z
      .string()
      .transform((text) => (text === 'none' ? null : (parseRateLimit(text) ?? 'invalid')))
      .refine((limit) => limit !== 'invalid'),
  },
  database: {
    variable: 'DATABASE_URL',
    flag: '--database',
    value: 'url',
    default: 'sqlite:./fermata.db',
    help: 'where tasks are stored: sqlite:PATH, or postgres://... for several nodes; sqlite::memory: stores nothing on disk',
    must: 'sqlite:PATH, sqlite::memory: or postgres://USER:PASSWORD@HOST[,HOST...]/DATABASE',
    // Validated in detail when it is opened.
    schema: z.string().min(1),
  },
  encryptionKeys: {
    variable: 'FERMATA_ENCRYPTION_KEYS',
    flag: '',
    secret: true,
    value: '',
    default: '',
    help: 'keys that encrypt parameters, checkpoints, results, logs and errors in the database: id:key,id:key; the first one encrypts, all of them decrypt. A variable only: flags are visible to other users',
    must: 'comma-separated id:key, each id once, each key 32 bytes in base64, like the output of "openssl rand -base64 32"; with plain as the first entry, nothing is encrypted',
    schema: z.string().transform((text, context) => {
      const keys = parseEncryptionKeys(text)
      if (typeof keys !== 'string') return text
      context.issues.push({ code: 'custom', message: keys, input: '' })
      return z.NEVER
    }),
  },
  maxConcurrent: {
    variable: 'FERMATA_MAX_CONCURRENT',
    flag: '--max-concurrent',
    value: 'number',
    default: '10',
    help: 'maximum number of tasks that run at the same time; 0 runs none and only serves the API',
    ...whole(0, 10_000),
  },
  threads: {
    variable: 'FERMATA_THREADS',
    flag: '--threads',
    value: 'number',
    default: '0',
    help: 'warm threads for task types that run in threads; 0 means one per core',
    ...whole(0, 1_000),
  },
  tasks: {
    variable: 'FERMATA_TASKS',
    flag: '--tasks',
    value: 'path',
    default: '',
    help: 'module with your task types (.ts or .js), or a folder of modules; added to the built-in types',
    must: 'a path',
    schema: z.string().regex(/^[^\0]*$/),
  },
  builtins: {
    variable: 'FERMATA_BUILTINS',
    flag: '--no-builtins',
    value: '',
    default: 'true',
    help: 'load the built-in types add, fib and long; the flag turns this off',
    must: 'true or false',
    schema: z.enum(['true', 'false']).transform((text) => text === 'true'),
  },
  types: {
    variable: 'FERMATA_TYPES',
    flag: '--types',
    value: 'list',
    default: 'all',
    help: 'comma-separated task types this node runs; the API serves all of them',
    must: 'comma-separated type names, or all',
    schema: z
      .string()
      .regex(/^[\w.:-]+(?:,[\w.:-]+)*$/)
      .transform((text) => (text === 'all' ? null : text.split(','))),
  },
  startHeld: {
    variable: 'FERMATA_START_HELD',
    flag: '--start-held',
    value: '',
    default: 'false',
    help: 'hold all task types at startup, until you release them: nothing starts, on no node',
    must: 'true or false',
    schema: z.enum(['true', 'false']).transform((text) => text === 'true'),
  },
  retention: {
    variable: 'FERMATA_RETENTION',
    flag: '--retention',
    value: 'duration',
    default: '7d',
    help: 'how long finished tasks are kept',
    ...duration(1_000, 36_500 * day),
  },
  auditRetention: {
    variable: 'FERMATA_AUDIT_RETENTION',
    flag: '--audit-retention',
    value: 'duration',
    default: '90d',
    help: 'how long entries of the audit log are kept',
    ...duration(1_000, 36_500 * day),
  },
  webhookAllow: {
    variable: 'FERMATA_WEBHOOK_ALLOW',
    flag: '--webhook-allow',
    value: 'list',
    default: 'public',
    help: 'comma-separated addresses and ranges that webhooks and callbacks may reach, like public,10.0.0.0/8; public stands for all public addresses',
    must: 'comma-separated addresses or ranges like public,10.0.0.0/8,fd00::/8',
    schema: list(/^(?:public|[\d.]{7,15}(?:\/\d{1,2})?|[\da-f:.]{2,45}(?:\/\d{1,3})?)$/, (one) => one),
  },
  webhookRetention: {
    variable: 'FERMATA_WEBHOOK_RETENTION',
    flag: '--webhook-retention',
    value: 'duration',
    default: '7d',
    help: 'how long deliveries of webhooks are kept, delivered or not',
    ...duration(1_000, 36_500 * day),
  },
  maxQueued: {
    variable: 'FERMATA_MAX_QUEUED',
    flag: '--max-queued',
    value: 'number',
    default: '10000000',
    help: 'maximum number of waiting tasks; further submits are refused',
    ...whole(1, 1_000_000_000),
  },
  cancelGrace: {
    variable: 'FERMATA_CANCEL_GRACE',
    flag: '--cancel-grace',
    value: 'duration',
    default: '5s',
    help: 'how long a cancelled handler has to stop on its own',
    ...duration(0, day),
  },
  workerLease: {
    variable: 'FERMATA_WORKER_LEASE',
    flag: '--worker-lease',
    value: 'duration',
    default: '30s',
    help: 'how long a remote worker keeps a task without a beat',
    ...duration(1_000, day),
  },
  drain: {
    variable: 'FERMATA_DRAIN',
    flag: '--drain',
    value: 'duration',
    default: '25s',
    help: 'how long running tasks have to finish or pause when the server stops',
    ...duration(0, day),
  },
  logLevel: {
    variable: 'LOG_LEVEL',
    flag: '--log-level',
    value: 'level',
    default: 'info',
    help: 'minimum log level',
    must: `one of ${levels.join(', ')}`,
    schema: z.enum(levels),
  },
  logFormat: {
    variable: 'FERMATA_LOG_FORMAT',
    flag: '--log-format',
    value: 'format',
    default: 'auto',
    help: 'format of the log: pretty for people, json for programs; auto is pretty on a terminal',
    must: `one of ${formats.join(', ')}`,
    schema: z.enum(formats),
  },
} as const satisfies Record<string, Setting<unknown>>

export type SettingName = keyof typeof settings

/** The validated settings; durations in milliseconds. */
export type Config = Readonly<{ [Name in SettingName]: z.output<(typeof settings)[Name]['schema']> }>

/** A setting is invalid; the message is one line for the operator. */
export class ConfigInvalid extends Error {
  readonly code = 'CONFIG_INVALID'
  override readonly name = 'ConfigInvalid'
}

export type ConfigSources = Readonly<{
  /** Values of command-line flags, by setting; they take precedence. */
  flags: Readonly<Partial<Record<SettingName, string>>>
  /** An empty variable counts as not set. */
  env: Readonly<Record<string, string | undefined>>
}>

/** Throws `ConfigInvalid` naming the flag or variable, its value and what is allowed. */
export function readConfig({ flags, env }: ConfigSources): Config {
  refuseUnknown(env)
  const entries = Object.entries(settings).map(([name, setting]: [string, Setting<unknown>]) => {
    const given = flags[name as SettingName]
    const inherited = env[setting.variable]
    const text = given ?? (inherited === undefined || inherited === '' ? setting.default : inherited)
    const parsed = setting.schema.safeParse(text)
    if (parsed.success) return [name, parsed.data]
    const shown = setting.secret === true ? '(hidden)' : text
    const source = given === undefined ? `${setting.variable}=${shown}` : `${setting.flag} ${text}`
    const why =
      setting.secret === true ? parsed.error.issues.find(({ code }) => code === 'custom') : undefined
    const reason = why === undefined ? '' : ` Here, ${why.message}.`
    throw new ConfigInvalid(`${source} is invalid: it must be ${setting.must}.${reason}`)
  })
  return Object.freeze(Object.fromEntries(entries)) as Config
}

/** A misspelt setting would otherwise be ignored silently. */
function refuseUnknown(env: ConfigSources['env']): void {
  const own = Object.values(settings).map(({ variable }): string => variable)
  const known = new Set([...own, ...ofClients, ...ofTasks])
  for (const [name, value = ''] of Object.entries(env)) {
    if (!name.startsWith('FERMATA_') || known.has(name) || isInjected(name, value)) continue
    const bare = name.slice('FERMATA_'.length)
    const meant = own.includes(bare) ? bare : nearest(name, [...own, ...ofClients])
    const remedy = meant === undefined ? 'see fermata serve --help.' : `did you mean ${meant}?`
    throw new ConfigInvalid(`${name} is not a known setting: ${remedy}`)
  }
}

/** Read by clients, which may share the server's environment. */
const ofClients = ['FERMATA_URL', 'FERMATA_API_KEY']

/** Set for command tasks, which may start a server. */
const ofTasks = [...Object.keys(taskVariables({ id: '', type: '', attempt: 1, fence: 1 })), nodeVariable]

/**
 * Kubernetes injects variables named after the services of a namespace into every container. Those of a service named
 * `fermata` or `fermata-worker` look like settings. Both name and value must have that form, so `FERMATA_PORT=8000`
 * is still reported as a mistake.
 */
function isInjected(name: string, value: string): boolean {
  return injected.some(([part, values]) => isOfService(name, part) && values.test(value))
}

function isOfService(name: string, part: string): boolean {
  return new RegExp(`^FERMATA(?:_[A-Z0-9_]+)?_${part}$`).test(name)
}

/** What follows the service name, and the form of the value. */
const injected = [
  ['SERVICE_HOST', /^(?:\d{1,3}(?:\.\d{1,3}){3}|[\da-f:.]*:[\da-f:.]*)$/i],
  ['SERVICE_PORT(?:_[A-Z0-9_]+)?', /^\d+$/],
  ['PORT(?:_\\d+_(?:TCP|UDP|SCTP))?', /^(?:tcp|udp|sctp):\/\/\S+:\d+$/],
  ['PORT_\\d+_(?:TCP|UDP|SCTP)_PROTO', /^(?:tcp|udp|sctp)$/],
  ['PORT_\\d+_(?:TCP|UDP|SCTP)_PORT', /^\d+$/],
  ['PORT_\\d+_(?:TCP|UDP|SCTP)_ADDR', /^[\da-f.:]+$/i],
] as const
