import type { Config } from '../config.ts'
import { withoutPassword } from '../core/secrets.ts'
import type { Finding } from '../store/examination.ts'
import { shownEndpoint, telemetryOf } from '../telemetry/configured.ts'
import { version } from '../version.ts'
import { keyringOf } from './keyring.ts'

/** Looks at everything that a server needs, and changes nothing. The exit code is 1 if something must be fixed. */
export async function runDoctor(
  config: Config,
  _: readonly string[],
  { json = false }: Readonly<{ json?: boolean }>,
): Promise<void> {
  const { examine } = await import('../database.ts')
  const findings = [
    finding('version', `Fermata ${version} on Node.js ${process.versions.node}`),
    finding('configuration', `valid; database ${withoutPassword(config.database)}`),
    ...tracesOf(),
    ...(await addressOf(config)),
    ...(await typesOf(config)),
    ...(await examine(config.database, version, keyringOf(config))),
  ]
  const failures = findings.filter(({ state }) => state === 'failed').length
  const warnings = findings.filter(({ state }) => state === 'warning').length
  if (json) process.stdout.write(`${JSON.stringify({ findings, failures, warnings })}\n`)
  else {
    for (const { subject, state, detail } of findings)
      process.stdout.write(`${state.padEnd(8)} ${subject.padEnd(14)} ${detail}\n`)
    process.stdout.write(`\n${failures} failed, ${warnings} warnings\n`)
  }
  if (failures > 0) process.exitCode = 1
}

function finding(subject: string, detail: string, state: Finding['state'] = 'ok'): Finding {
  return { subject, state, detail }
}

async function addressOf({ host }: Config): Promise<Finding[]> {
  const { isLoopback } = await import('../http/guards.ts')
  return isLoopback(host)
    ? [finding('address', `${host}: only programs on this machine can reach it`)]
    : [finding('address', `${host}: make sure that only those can reach it who may run tasks`, 'warning')]
}

function tracesOf(): Finding[] {
  const telemetry = telemetryOf(process.env)
  if (telemetry.kind === 'off') return []
  return telemetry.kind === 'on'
    ? [finding('traces', `are sent to ${shownEndpoint(telemetry.endpoint)}`)]
    : [finding('traces', `are off: ${telemetry.why}`, 'warning')]
}

async function typesOf({ tasks }: Config): Promise<Finding[]> {
  if (tasks === '') return []
  const { loadTasks } = await import('../registry/load.ts')
  try {
    const { types } = await loadTasks(tasks)
    return [finding('task types', `${types.map(({ type }) => type).join(', ')} from ${tasks}`)]
  } catch (error) {
    return [finding('task types', (error as Error).message, 'failed')]
  }
}
