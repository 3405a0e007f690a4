import { finishWithoutOutput } from '../cli/terminal/outputs.ts'
import { ConfigInvalid, settings, type Config } from '../config.ts'
import { withoutPassword } from '../core/secrets.ts'
import { loadTasks } from '../registry/load.ts'
import { shownEndpoint, telemetryOf } from '../telemetry/configured.ts'
import type { Exporting } from '../telemetry/provider.ts'
import type { Logger } from '../core/logger.ts'
import { version } from '../version.ts'
import { refuseExits, surviveFaults } from './faults.ts'
import { firstProcessWarning } from './first-process.ts'
import { openLog, patienceWith, signalled, unlessStopped } from './operator.ts'

/** Milliseconds that connections have to close after the last response. */
const lastGrace = 2_000

/** Seconds of a drain when the process can no longer be trusted. */
const givesBackIn = 1

/** Runs a node until a signal: `serve` with the API, `worker` with the two health calls only. */
export async function runNode(config: Config, role: 'serve' | 'worker'): Promise<void> {
  // Loaded on demand, so that help, errors and other commands do not wait for the parts of the server.
  const { checkAddress } = await import('../database.ts')
  checkAddress(config.database)
  if (role === 'worker') mustBeAWorker(config)
  const [{ openTaskManager }, { builtinTypes }, { createServer }, { isLoopback }] = await Promise.all([
    import('../index.ts'),
    import('../registry/builtin/index.ts'),
    import('../http/server.ts'),
    import('../http/guards.ts'),
  ])
  finishWithoutOutput()
  const onTerminal = process.stdout.isTTY
  const logger = await openLog(config, onTerminal)
  const warning = firstProcessWarning()
  if (warning !== undefined) logger.warn({}, warning)
  const stopped = signalled(() =>
    logger.info({}, 'ignored SIGHUP: the server was started to outlive its terminal'),
  )
  let stopping = false
  let giveBack = async () => {}
  surviveFaults(logger, () => giveBack())
  refuseExits(logger, () => stopping)
  void stopped.then(() => {
    stopping = true
  })

  if (!config.builtins && config.tasks === '') {
    throw new ConfigInvalid(
      '--no-builtins (FERMATA_BUILTINS=false) leaves no task types: add your own with --tasks or FERMATA_TASKS.',
    )
  }
  const loaded = config.tasks === '' ? { types: [], schedules: [] } : await loadTasks(config.tasks)
  const tasks = [...(config.builtins ? builtinTypes : []), ...loaded.types]
  const unknown = config.types?.find((name) => !tasks.some(({ type }) => type === name))
  if (unknown !== undefined)
    throw new ConfigInvalid(`--types (FERMATA_TYPES) names ${unknown}, which is not defined.`)
  const patience = patienceWith(logger, stopped)
  // Processes that run handlers inherit the environment, and reports print it.
  for (const { variable } of [settings.adminKey, settings.encryptionKeys]) delete process.env[variable]
  const exporting = await exportingOf(logger)
  const opening = openTaskManager({
    database: config.database,
    tasks,
    schedules: loaded.schedules,
    maxConcurrent: config.maxConcurrent,
    ...(config.types === null ? {} : { types: config.types }),
    ...(config.threads === 0 ? {} : { threads: config.threads }),
    maxQueued: config.maxQueued,
    retention: config.retention / 1_000,
    auditRetention: config.auditRetention / 1_000,
    webhookRetention: config.webhookRetention / 1_000,
    webhookAllow: config.webhookAllow,
    cancelGrace: config.cancelGrace / 1_000,
    workerLease: config.workerLease / 1_000,
    drain: config.drain / 1_000,
    startHeld: config.startHeld,
    logger,
    patience,
    // This program is only a node, and whatever started it restarts it.
    onLeaseLost: 'end-process',
    adminKey: config.adminKey === '' ? undefined : config.adminKey,
    encryptionKeys: config.encryptionKeys,
    requireKeys: config.requireKeys,
    keyRateLimit: ofSeconds(config.keyRateLimit),
    tracing: exporting?.tracing,
  })
  const manager = await unlessStopped(opening, patience)
  if (config.requireKeys && !manager.access.hasKeys) {
    await manager.close()
    throw new ConfigInvalid(
      '--require-keys (FERMATA_REQUIRE_KEYS) refuses to serve without a key, and there is none. Create one with "fermata keys create NAME --scope admin", or set FERMATA_ADMIN_KEY.',
    )
  }
  giveBack = () => manager.close({ drain: givesBackIn })
  const allowed = { hosts: config.allowedHosts, origins: config.allowedOrigins }
  const { basePath } = config
  const healthOnly = role === 'worker'
  const server = await createServer({
    manager,
    version,
    logger,
    allowed,
    basePath,
    healthOnly,
    tracing: exporting?.tracing,
  })
  try {
    await server.listen({ port: config.port, host: config.host })
  } catch (error) {
    await manager.close()
    throw error
  }
  const url = addressOf(server.server.address(), config)
  if (onTerminal) process.stdout.write(banner(url.replace(/0\.0\.0\.0|\[::\]/, 'localhost'), config, role))
  logger.info(
    { url, database: withoutPassword(config.database), max_concurrent: config.maxConcurrent, version },
    'listening',
  )
  if (!isLoopback(config.host) && role === 'serve' && !manager.access.isClosed) {
    logger.warn(
      { host: config.host },
      'anyone who can reach this address can run tasks: create a key (fermata keys create), or put it behind a firewall or an authenticating proxy',
    )
  }

  const signal = await stopped
  logger.info(
    { signal, drain_seconds: config.drain / 1_000 },
    'stopping: waiting for running tasks to finish or reach a pause point',
  )
  await manager.close()
  const force = setTimeout(() => server.server.closeAllConnections(), lastGrace)
  await server.close()
  clearTimeout(force)
  await exporting?.close()
  // A handler may have set it, but it would be attributed to the server.
  process.exitCode = 0
  logger.info({}, 'stopped')
}

function ofSeconds(limit: Config['keyRateLimit']): { limit: number; per: number } | undefined {
  return limit === null ? undefined : { limit: limit.limit, per: limit.per / 1_000 }
}

/** Loaded only if traces are wanted. */
async function exportingOf(logger: Logger): Promise<Exporting | undefined> {
  const telemetry = telemetryOf(process.env)
  if (telemetry.kind === 'off') return undefined
  if (telemetry.kind === 'unsupported') {
    logger.warn({}, `traces are off: ${telemetry.why}`)
    return undefined
  }
  const { startExporting } = await import('../telemetry/provider.ts')
  logger.info({ endpoint: shownEndpoint(telemetry.endpoint) }, 'sending traces')
  return startExporting(logger, version)
}

/** Without an API, it is only useful next to other nodes, and with slots. */
function mustBeAWorker({ database, maxConcurrent }: Config): void {
  if (!database.startsWith('postgres')) {
    throw new ConfigInvalid(
      'A worker shares its database with nodes that serve the API: set --database or DATABASE_URL to postgres://..., or use fermata serve.',
    )
  }
  if (maxConcurrent === 0) {
    throw new ConfigInvalid('A worker without slots cannot run tasks: set --max-concurrent to 1 or more.')
  }
}

function addressOf(address: string | { port: number } | null, { host, port }: Config): string {
  const actual = typeof address === 'object' && address !== null ? address.port : port
  return `http://${host.includes(':') ? `[${host}]` : host}:${actual}`
}

function banner(url: string, { database, maxConcurrent }: Config, role: 'serve' | 'worker'): string {
  const slots = maxConcurrent === 1 ? '1 slot' : `${maxConcurrent} slots`
  return `
  Fermata ${version}

${role === 'serve' ? addresses(url) : `  Health  ${url}/readyz`}
  Tasks   ${withoutPassword(database)}, ${slots}

  Press Ctrl+C to stop. Running tasks continue at the next start.

`
}

function addresses(url: string): string {
  return `  Page    ${url}
  API     ${url}/api
  Docs    ${url}/docs  and  ${url}/redoc`
}
