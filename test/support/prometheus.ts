import parsePrometheusTextFormat from 'parse-prometheus-text-format'

/** Samples in Prometheus text, by name and labels as they are written. */
export type Samples = ReadonlyMap<string, number>

/**
 * The samples, after a parser that knows nothing of ours has accepted the text. That parser merges the labels of
 * histograms, so single samples are read here.
 */
export function samplesOf(text: string): Samples {
  const families = parsePrometheusTextFormat(text)
  const announced = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type = '']) => [
    name,
    type.toUpperCase(),
  ])
  const parsed = families.map(({ name, type }) => [name, type])
  if (JSON.stringify(parsed) !== JSON.stringify(announced))
    throw new Error(`parsed as ${JSON.stringify(parsed)}: ${text}`)
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const [, series = '', value = ''] = /^(\w+(?:\{.*\})?) (\S+)$/.exec(line) ?? []
      if (series === '' || Number.isNaN(Number(value))) throw new Error(`not a sample: ${line}`)
      return [series, Number(value)] as const
    }),
  )
}
