import { describe, expect, test } from 'vitest'
import { ConfigInvalid, readConfig, settings } from './config.ts'
import { taskVariables } from './core/task-variables.ts'

const read = (env: Record<string, string>, flags = {}) => readConfig({ flags, env })

test('without settings, the defaults apply and are immutable', () => {
  const config = read({})
  expect(config).toEqual({
    port: 8_000,
    host: '127.0.0.1',
    allowedHosts: [],
    allowedOrigins: [],
    basePath: '/',
    adminKey: '',
    requireKeys: false,
    keyRateLimit: null,
    database: 'sqlite:./fermata.db',
    maxConcurrent: 10,
    tasks: '',
    builtins: true,
    threads: 0,
    types: null,
    retention: 604_800_000,
    auditRetention: 7_776_000_000,
    encryptionKeys: '',
    maxQueued: 10_000_000,
    cancelGrace: 5_000,
    drain: 25_000,
    logLevel: 'info',
    logFormat: 'auto',
    startHeld: false,
    webhookAllow: ['public'],
    webhookRetention: 604_800_000,
    workerLease: 30_000,
  })
  expect(Object.isFrozen(config)).toBe(true)
})

test('a variable overrides the default, a flag overrides the variable, and an empty variable counts as not set', () => {
  expect(read({ PORT: '0' }).port).toBe(0)
  expect(read({ PORT: '9000' }, { port: '9001' }).port).toBe(9_001)
  expect(read({ PORT: '' }).port).toBe(8_000)
  expect(read({ FERMATA_RETENTION: '1d12h', FERMATA_DRAIN: '90' })).toMatchObject({
    retention: 129_600_000,
    drain: 90_000,
  })
  expect(read({ DATABASE_URL: 'sqlite::memory:', HOST: '::1' })).toMatchObject({
    database: 'sqlite::memory:',
    host: '::1',
  })
})

test('allowed hosts and origins are normalized lists', () => {
  const config = read({
    FERMATA_ALLOWED_HOSTS: ' Fermata.example.com., tasks.internal.example ,',
    FERMATA_ALLOWED_ORIGINS: 'https://Console.example.com:443/,http://localhost:3000,http://[::1]:80',
  })
  expect(config.allowedHosts).toEqual(['fermata.example.com', 'tasks.internal.example'])
  expect(config.allowedOrigins).toEqual([
    'https://console.example.com',
    'http://localhost:3000',
    'http://[::1]',
  ])
})

describe('an invalid value is refused with one line that names it', () => {
  test.each([
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '80.5'],
    ['PORT', '0x50'],
    ['PORT', 'http'],
    ['HOST', 'a b'],
    ['HOST', 'http://localhost'],
    ['FERMATA_ALLOWED_HOSTS', 'https://fermata.example.com'],
    ['FERMATA_ALLOWED_HOSTS', 'fermata.example.com:8000'],
    ['FERMATA_ALLOWED_HOSTS', '*'],
    ['FERMATA_ALLOWED_ORIGINS', 'console.example.com'],
    ['FERMATA_ALLOWED_ORIGINS', 'https://console.example.com/page'],
    ['FERMATA_ALLOWED_ORIGINS', '*'],
    ['FERMATA_ALLOWED_ORIGINS', 'null'],
    ['FERMATA_BASE_PATH', 'fermata'],
    ['FERMATA_BASE_PATH', '//evil.example'],
    ['FERMATA_BASE_PATH', '/a/../b'],
    ['FERMATA_MAX_CONCURRENT', '10001'],
    ['FERMATA_MAX_CONCURRENT', '1e3'],
    ['FERMATA_RETENTION', 'forever'],
    ['FERMATA_RETENTION', '0'],
    ['FERMATA_MAX_QUEUED', '0'],
    ['FERMATA_CANCEL_GRACE', '-5s'],
    ['FERMATA_DRAIN', '2d'],
    ['LOG_LEVEL', 'loud'],
  ])('%s=%s', (variable, value) => {
    const attempt = () => read({ [variable]: value })
    expect(attempt).toThrow(ConfigInvalid)
    expect(attempt).toThrow(`${variable}=${value} is invalid: it must be `)
    expect(attempt).toThrow(/^[^\n]*$/)
  })

  test('a flag is named as a flag', () => {
    expect(() => read({ PORT: '1' }, { port: 'x' })).toThrow('--port x is invalid: it must be a whole number')
    expect(() => read({}, { database: '' })).toThrow('--database  is invalid')
  })
})

test('every default is valid and every flag is named after its setting', () => {
  for (const [name, setting] of Object.entries(settings)) {
    expect(setting.schema.safeParse(setting.default).success, name).toBe(true)
    if (!('secret' in setting)) expect(setting.flag).toMatch(/^--[a-z-]+$/)
  }
})

describe('variables that look like settings', () => {
  const reading = (env: Record<string, string>) => () => read(env)

  test.each([
    ['FERMATA_MAX_CONCURENT', 'did you mean FERMATA_MAX_CONCURRENT?'],
    ['FERMATA_RETENSION', 'did you mean FERMATA_RETENTION?'],
    ['FERMATA_LOG_LEVEL', 'did you mean LOG_LEVEL?'],
    ['FERMATA_DATABASE_URL', 'did you mean DATABASE_URL?'],
    ['FERMATA_PORT', 'did you mean PORT?'],
    ['FERMATA_TASK', 'did you mean FERMATA_TASKS?'],
    ['FERMATA_URI', 'did you mean FERMATA_URL?'],
    ['FERMATA_COLOUR_OF_THE_PAGE', 'see fermata serve --help'],
  ])('and are not stop the start: %s', (variable, remedy) => {
    expect(reading({ [variable]: '8080' })).toThrow(`${variable} is not a known setting: ${remedy}`)
    expect(reading({ [variable]: '8080' })).toThrow(ConfigInvalid)
  })

  test('are accepted if they belong to clients', () => {
    expect(reading({ FERMATA_DRAIN: '1s', FERMATA_URL: 'x', OTHER: 'y' })).not.toThrow()
  })

  test.each(['FERMATA', 'FERMATA_WORKER', 'FERMATA_POSTGRESQL_HL'])(
    'and come from a Kubernetes service named %s do not',
    (service) => {
      const injected = {
        [`${service}_SERVICE_HOST`]: '10.0.0.7',
        [`${service}_SERVICE_PORT`]: '8000',
        [`${service}_SERVICE_PORT_HTTP`]: '8000',
        [`${service}_PORT`]: 'tcp://10.0.0.7:8000',
        [`${service}_PORT_8000_TCP`]: 'tcp://10.0.0.7:8000',
        [`${service}_PORT_8000_TCP_PROTO`]: 'tcp',
        [`${service}_PORT_8000_TCP_PORT`]: '8000',
        [`${service}_PORT_8000_TCP_ADDR`]: '10.0.0.7',
        [`${service}_PORT_53_UDP`]: 'udp://[fd00::7]:53',
      }
      expect(reading(injected)).not.toThrow()
      expect(read(injected).port).toBe(8_000)
    },
  )

  test.each([
    ['FERMATA_SERVICE_HOST', 'db.example.org:1'],
    ['FERMATA_SERVICE_PORT', 'http'],
    ['FERMATA_PORT_8000', 'tcp://10.0.0.7:8000'],
    ['FERMATA_PORT_8000_HTTP', 'tcp://10.0.0.7:8000'],
    ['FERMATA_PORT_8000_TCP_NAME', 'x'],
    ['FERMATA_SERVICES_HOST', '10.0.0.7'],
  ])('and are not quite of Kubernetes stop the start: %s=%s', (variable, value) => {
    expect(reading({ [variable]: value })).toThrow(`${variable} is not a known setting`)
  })

  test('and name the task around this process do not: a command may start a server', () => {
    expect(Object.keys(taskVariables({ id: 'a', type: 'b', attempt: 1, fence: 2 }))).toHaveLength(4)
    expect(reading(taskVariables({ id: 'a', type: 'b', attempt: 1, fence: 2 }))).not.toThrow()
    expect(reading({ FERMATA_NODE: '1.2.3/4.' })).not.toThrow()
  })
})
