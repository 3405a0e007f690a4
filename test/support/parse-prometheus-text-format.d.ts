declare module 'parse-prometheus-text-format' {
  export type Metric = Readonly<{
    value?: string
    count?: string
    sum?: string
    buckets?: Readonly<Record<string, string>>
    labels?: Readonly<Record<string, string>>
  }>
  export type Family = Readonly<{ name: string; help: string; type: string; metrics: readonly Metric[] }>
  export default function parsePrometheusTextFormat(text: string): readonly Family[]
}
