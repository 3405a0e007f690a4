/** Whether and where to send traces, by the standard variables of OpenTelemetry. Imports nothing: most nodes do not trace. */
export type Telemetry =
  | Readonly<{ kind: 'off' }>
  | Readonly<{ kind: 'on'; endpoint: string }>
  /** `why` names the variable and the remedy. */
  | Readonly<{ kind: 'unsupported'; why: string }>

type Environment = Readonly<Record<string, string | undefined>>

/** Off unless an endpoint or an exporter is named. */
export function telemetryOf(env: Environment): Telemetry {
  const given = (name: string) => env[name]?.trim() || undefined
  if (given('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return { kind: 'off' }
  const exporters = given('OTEL_TRACES_EXPORTER')?.toLowerCase()
  if (exporters === 'none') return { kind: 'off' }
  const base = given('OTEL_EXPORTER_OTLP_ENDPOINT')
  const own = given('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT')
  if (exporters === undefined && base === undefined && own === undefined) return { kind: 'off' }
  if (exporters !== undefined && exporters !== 'otlp') {
    return unsupported('OTEL_TRACES_EXPORTER', exporters, 'otlp or none')
  }
  const variable =
    given('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') === undefined
      ? 'OTEL_EXPORTER_OTLP_PROTOCOL'
      : 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'
  const protocol = given(variable)?.toLowerCase() ?? 'http/protobuf'
  if (protocol !== 'http/protobuf') {
    return unsupported(variable, protocol, 'http/protobuf, which collectors receive on port 4318')
  }
  const endpoint = own ?? `${(base ?? 'http://localhost:4318').replace(/\/$/, '')}/v1/traces`
  const { protocol: scheme } = URL.parse(endpoint) ?? {}
  if (scheme !== 'http:' && scheme !== 'https:') {
    const name = own === undefined ? 'OTEL_EXPORTER_OTLP_ENDPOINT' : 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'
    return { kind: 'unsupported', why: `${name} is not a URL: set it to one like http://collector:4318` }
  }
  return { kind: 'on', endpoint }
}

/** The endpoint without what may be a secret. */
export function shownEndpoint(endpoint: string): string {
  const { origin, pathname } = new URL(endpoint)
  return origin + pathname
}

function unsupported(variable: string, value: string, remedy: string): Telemetry {
  return { kind: 'unsupported', why: `${variable}=${value.slice(0, 50)} is not supported: use ${remedy}` }
}
