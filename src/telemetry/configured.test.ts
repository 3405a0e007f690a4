import { expect, test } from 'vitest'
import { shownEndpoint, telemetryOf } from './configured.ts'

const endpoint = 'OTEL_EXPORTER_OTLP_ENDPOINT'
const traces = 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'

test.each([
  {},
  { [endpoint]: '' },
  { OTEL_SERVICE_NAME: 'x', OTEL_RESOURCE_ATTRIBUTES: 'a=b' },
  { [endpoint]: 'http://collector:4318', OTEL_SDK_DISABLED: 'true' },
  { [endpoint]: 'http://collector:4318', OTEL_TRACES_EXPORTER: 'none' },
])('traces are off with %j', (env) => {
  expect(telemetryOf(env)).toEqual({ kind: 'off' })
})

test.each([
  [{ [endpoint]: 'http://collector:4318' }, 'http://collector:4318/v1/traces'],
  [{ [endpoint]: 'http://collector:4318/' }, 'http://collector:4318/v1/traces'],
  [{ [traces]: 'https://collector/t' }, 'https://collector/t'],
  [{ OTEL_TRACES_EXPORTER: 'otlp' }, 'http://localhost:4318/v1/traces'],
  [
    {
      [endpoint]: 'http://a:1',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
    },
    'http://a:1/v1/traces',
  ],
])('traces are on with %j', (env, where) => {
  expect(telemetryOf(env)).toEqual({ kind: 'on', endpoint: where })
})

test.each([
  [{ OTEL_TRACES_EXPORTER: 'zipkin' }, 'OTEL_TRACES_EXPORTER=zipkin'],
  [{ [endpoint]: 'http://a:1', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'OTEL_EXPORTER_OTLP_PROTOCOL=grpc'],
  [{ [endpoint]: 'collector:4317' }, endpoint],
  [{ [traces]: 'nowhere' }, traces],
])('what is not supported is named with its remedy: %j', (env, name) => {
  const telemetry = telemetryOf(env)
  expect(telemetry).toMatchObject({ kind: 'unsupported', why: expect.stringContaining(name) })
  expect(telemetry).toMatchObject({ why: expect.stringMatching(/: (?:use|set) /) })
})

test('an endpoint is shown without secrets', () => {
  expect(shownEndpoint('https://user:pass@collector/v1/traces?key=secret')).toBe(
    'https://collector/v1/traces',
  )
})
