import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import protobuf from 'protobufjs'
import { until } from './until.ts'

/** The part of the OTLP schema that carries spans. Fields that are missing here are skipped by the decoder. */
const schema = `
syntax = "proto3";
message Request { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
message Resource { repeated KeyValue attributes = 1; }
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; }
message Scope { string name = 1; string version = 2; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5;
  int32 kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
  repeated Event events = 11; repeated Link links = 13; Status status = 15;
}
message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; }
message Link { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; }
message Status { string message = 2; int32 code = 3; }
message KeyValue { string key = 1; Value value = 2; }
message Value { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; } }
`
const Request = protobuf.parse(schema).root.lookupType('Request')

export type ReceivedSpan = Readonly<{
  name: string
  kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  traceId: string
  spanId: string
  parentId: string
  state: string
  failure: string | undefined
  attributes: Readonly<Record<string, unknown>>
  resource: Readonly<Record<string, unknown>>
  events: readonly Readonly<{ name: string; attributes: Readonly<Record<string, unknown>> }>[]
  links: readonly Readonly<{ traceId: string; spanId: string }>[]
}>

type Attribute = Readonly<{ key: string; value: Readonly<Record<string, unknown>> }>
type Encoded = Readonly<{
  resourceSpans: readonly Readonly<{
    resource: { attributes: readonly Attribute[] }
    scopeSpans: readonly Readonly<{ spans: readonly EncodedSpan[] }>[]
  }>[]
}>
type EncodedSpan = Readonly<{
  traceId: string
  spanId: string
  parentSpanId: string
  traceState: string
  name: string
  kind: number
  attributes: readonly Attribute[]
  events: readonly Readonly<{ name: string; attributes: readonly Attribute[] }>[]
  links: readonly Readonly<{ traceId: string; spanId: string }>[]
  status: { code: number; message: string } | null
}>

/** Receives spans over OTLP, as a collector does. */
export class Collector implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = []
  /** All that was received, as text. */
  text = ''
  readonly #server: Server
  #url = ''

  private constructor() {
    this.#server = createServer((request, response) => {
      void buffer(request).then((body) => {
        const bytes = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
        this.text += bytes.toString('latin1')
        this.#receive(bytes)
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
      })
    })
  }

  static async start(): Promise<Collector> {
    const collector = new Collector()
    await new Promise<void>((resolve) => collector.#server.listen(0, '127.0.0.1', resolve))
    collector.#url = `http://127.0.0.1:${(collector.#server.address() as AddressInfo).port}`
    return collector
  }

  /** The settings of a server that sends here at once. */
  get env(): Record<string, string> {
    return { OTEL_EXPORTER_OTLP_ENDPOINT: this.#url, OTEL_BSP_SCHEDULE_DELAY: '100' }
  }

  /** Waits for that many spans of the name, with these attributes. */
  async received(
    name: string,
    count = 1,
    attributes: Readonly<Record<string, unknown>> = {},
  ): Promise<ReceivedSpan[]> {
    const found = () =>
      this.spans.filter(
        (span) =>
          span.name === name &&
          Object.entries(attributes).every(([key, value]) => span.attributes[key] === value),
      )
    await until(`${count} spans "${name}" are received`, async () => found().length >= count)
    return found()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #receive(bytes: Uint8Array): void {
    const { resourceSpans } = Request.toObject(Request.decode(bytes), {
      longs: Number,
      bytes: String,
      arrays: true,
      defaults: true,
      objects: true,
    }) as Encoded
    for (const { resource, scopeSpans } of resourceSpans) {
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        this.spans.push(spanOf(span, attributesOf(resource.attributes)))
      }
    }
  }
}

const kinds = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const
const failed = 2

function spanOf(span: EncodedSpan, resource: ReceivedSpan['resource']): ReceivedSpan {
  const { status } = span
  return {
    name: span.name,
    kind: kinds[span.kind]!,
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentId: hex(span.parentSpanId),
    state: span.traceState,
    failure: status?.code === failed ? status.message : undefined,
    attributes: attributesOf(span.attributes),
    resource,
    events: span.events.map(({ name, attributes }) => ({ name, attributes: attributesOf(attributes) })),
    links: span.links.map(({ traceId, spanId }) => ({ traceId: hex(traceId), spanId: hex(spanId) })),
  }
}

/** Bytes are decoded to base64. */
function hex(base64: string): string {
  return Buffer.from(base64, 'base64').toString('hex')
}

function attributesOf(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}
