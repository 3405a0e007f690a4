import { parser } from '@prometheus-io/lezer-promql'
import { readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { createServer } from '../src/http/server.ts'
import { openTaskManager } from '../src/index.ts'
import { builtinTypes } from '../src/registry/builtin/index.ts'
import { samplesOf } from './support/prometheus.ts'
import { until } from './support/until.ts'

type Panel = Readonly<{ title: string; targets: readonly Readonly<{ expr: string; legendFormat: string }>[] }>
type Dashboard = Readonly<{
  panels: readonly Panel[]
  templating: Readonly<{ list: readonly Readonly<{ query: string | Readonly<{ query: string }> }>[] }>
}>

const text = readFileSync(new URL('../deploy/grafana/fermata.json', import.meta.url), 'utf8')
const dashboard = JSON.parse(text) as Dashboard
let known: ReadonlyMap<string, ReadonlySet<string>> = new Map()
beforeAll(async () => {
  known = await labelsByMetric()
})

const quiet = { level: 'info', debug() {}, info() {}, warn() {}, error() {} }

/** Labels that Prometheus adds to what it scrapes, and its own metric about that. */
const ofPrometheus = { labels: ['job', 'instance'], metrics: ['up'] }

test('every query of the Grafana dashboard finds its metrics and labels', () => {
  const queries = dashboard.panels.flatMap(({ targets }) => targets)
  expect(queries.length).toBeGreaterThan(20)
  for (const { expr, legendFormat } of queries) {
    const { metrics, labels } = namesIn(expr.replaceAll('$__rate_interval', '5m'))
    expect(metrics).not.toEqual([])
    const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label)
    mustKnow(expr, metrics, [...labels, ...shown])
  }
})

test('every variable of the Grafana dashboard finds its metric and label', () => {
  const asked = dashboard.templating.list.flatMap(({ query }) =>
    typeof query === 'string' ? [] : [query.query],
  )
  expect(asked.length).toBeGreaterThan(1)
  for (const query of asked) {
    const [, selector = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(query) ?? []
    const { metrics, labels } = namesIn(selector)
    mustKnow(query, metrics, [...labels, label])
  }
})

test.each([
  ['a metric that there is not', 'sum(fermata_nothing{job="a"})'],
  ['a label that its metric does not have', 'sum by (status) (fermata_oldest_queued_seconds)'],
  ['a matcher of such a label', 'fermata_slots{type="a"}'],
])('%s would be found', (_, expr) => {
  const { metrics, labels } = namesIn(expr)
  expect(() => mustKnow(expr, metrics, labels)).toThrow(expr)
})

test('a query that is not PromQL would be found', () => {
  expect(() => namesIn('sum by (type (fermata_tasks)')).toThrow('not PromQL')
})

function mustKnow(query: string, metrics: readonly string[], labels: readonly string[]): void {
  for (const metric of metrics) {
    if (ofPrometheus.metrics.includes(metric)) continue
    const own = known.get(metric)
    if (own === undefined) throw new Error(`${query}: there is no metric ${metric}`)
    const missing = labels.filter((label) => !own.has(label) && !ofPrometheus.labels.includes(label))
    if (missing.length > 0) throw new Error(`${query}: ${metric} has no label ${missing.join(', ')}`)
  }
}

/** Metrics and labels in a query, by the grammar of Prometheus. */
function namesIn(query: string) {
  const metrics: string[] = []
  const labels: string[] = []
  parser.parse(query).iterate({
    enter({ name, type, from, to }) {
      const words = query.slice(from, to)
      if (type.isError) throw new Error(`not PromQL at ${from}: ${query}`)
      if (name === 'Identifier') metrics.push(words)
      if (name === 'LabelName') labels.push(words)
    },
  })
  return { metrics, labels }
}

/** What a server that has done something reports; with a lease, as on PostgreSQL. */
async function labelsByMetric(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const manager = await openTaskManager({ database: 'sqlite::memory:', tasks: builtinTypes, logger: quiet })
  const leased = new Proxy(manager, {
    get(target, key) {
      if (key === 'metrics') return async () => ({ ...(await target.metrics()), leaseAge: 1_000 })
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  const server = await createServer({ manager: leased, version: '1', logger: quiet })
  await server.inject({
    method: 'POST',
    url: '/api/run/add?wait=60',
    payload: { parameters: { a: 1, b: 1 } },
  })
  const { body } = await until('the response is counted', async () => {
    const answer = await server.inject({ url: '/metrics' })
    return answer.body.includes('/api/run/{task_type}') ? answer : undefined
  })
  await server.close()
  await manager.close()
  const found = new Map<string, Set<string>>()
  for (const series of samplesOf(body).keys()) {
    const [name = '', ...rest] = series.split('{')
    const labels = [...rest.join('{').matchAll(/(\w+)="/g)].map(([, label = '']) => label)
    found.set(name, new Set([...(found.get(name) ?? []), ...labels]))
  }
  return found
}
