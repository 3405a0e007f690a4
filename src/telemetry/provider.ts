import { context, diag, DiagLogLevel, propagation, trace, type DiagLogger } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { getNumberFromEnv, getStringFromEnv, W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type Sampler,
} from '@opentelemetry/sdk-trace'
import type { Logger } from '../core/logger.ts'
import type { Tracing } from '../core/tracing.ts'
import { spansOf } from './spans.ts'

/** Milliseconds that the last spans have to reach the collector when the node stops. */
const flushWithin = 2_000

export type Exporting = Readonly<{
  tracing: Tracing
  /** Sends what is left, for a limited time. */
  close(): Promise<void>
}>

/**
 * Sends spans over OTLP as the standard variables say. Tracing handlers of this process join them, because the provider is
 * registered for the API of OpenTelemetry. Spans that the collector does not take in time are dropped.
 */
export function startExporting(logger: Logger, version: string): Exporting {
  diag.setLogger(saysOnce(logger), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
  const named = resourceFromAttributes({ 'service.name': 'fermata', 'service.version': version })
  const resource = defaultResource()
    .merge(named)
    .merge(detectResources({ detectors: [envDetector] }))
  const batches = new BatchSpanProcessor({
    exporter: new OTLPTraceExporter(),
    ...numbers({
      scheduledDelayMillis: 'OTEL_BSP_SCHEDULE_DELAY',
      exportTimeoutMillis: 'OTEL_BSP_EXPORT_TIMEOUT',
      maxQueueSize: 'OTEL_BSP_MAX_QUEUE_SIZE',
      maxExportBatchSize: 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
    }),
  })
  const provider = new TracerProvider({ resource, sampler: samplerOf(logger), spanProcessors: [batches] })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  trace.setGlobalTracerProvider(provider)
  return {
    tracing: spansOf(provider.getTracer('fermata', version)),
    async close() {
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, flushWithin)
      await Promise.race([promise, provider.shutdown().catch(() => undefined)])
      clearTimeout(timer)
    },
  }
}

function numbers<Name extends string>(
  variables: Readonly<Record<Name, string>>,
): Partial<Record<Name, number>> {
  const found = Object.entries<string>(variables).flatMap(([name, variable]) => {
    const value = getNumberFromEnv(variable)
    return value === undefined || value <= 0 ? [] : [[name, value]]
  })
  return Object.fromEntries(found) as Partial<Record<Name, number>>
}

function samplerOf(logger: Logger): Sampler {
  const name = getStringFromEnv('OTEL_TRACES_SAMPLER') ?? 'parentbased_always_on'
  const ratio = getNumberFromEnv('OTEL_TRACES_SAMPLER_ARG') ?? 1
  const [, parent, root] = /^(parentbased_)?(always_on|always_off|traceidratio)$/.exec(name) ?? []
  if (root === undefined)
    logger.warn({ sampler: name }, 'OTEL_TRACES_SAMPLER is unknown: every trace is sampled')
  const sampler =
    root === 'always_off'
      ? new AlwaysOffSampler()
      : root === 'traceidratio'
        ? new TraceIdRatioBasedSampler(Math.min(1, Math.max(0, ratio)))
        : new AlwaysOnSampler()
  return root !== undefined && parent === undefined ? sampler : new ParentBasedSampler({ root: sampler })
}

/** What the exporter complains of may be long, frequent, and not the operator's business: the first complaint is enough. */
function saysOnce(logger: Logger): DiagLogger {
  let isSaid = false
  const say = () => {
    if (isSaid) return
    isSaid = true
    logger.warn(
      {},
      'traces cannot be sent to the collector: some are lost. Check the OTEL_EXPORTER_OTLP_* variables. This is said once',
    )
  }
  const nothing = () => undefined
  return { error: say, warn: say, info: nothing, debug: nothing, verbose: nothing }
}
