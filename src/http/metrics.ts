import type { Metric } from 'prom-client'
import { Histogram } from '../core/histogram.ts'
import { statuses, terminalStatuses } from '../core/task.ts'
import type { TaskManagerApi } from '../engine/api.ts'

type Labels = Readonly<Record<string, string>>
type Sample = Readonly<{ labels: Labels; value: number; metricName?: string }>
type Kind = 'gauge' | 'counter' | 'histogram'

/** A metric as it is now. */
type Family = Readonly<{ name: string; kind: Kind; help: string; values: readonly Sample[] }>

const times = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/**
 * The measurements of a node as text for Prometheus. They are plain numbers until someone asks for them. Each label has a
 * bounded set of values: types, statuses, states and route templates, never what a caller chooses.
 */
export class Metrics {
  readonly #manager: TaskManagerApi
  readonly #version: string
  readonly #requests = new Map<string, Map<number, number>>()
  readonly #seconds = new Map<string, Histogram>()

  constructor(manager: TaskManagerApi, version: string) {
    this.#manager = manager
    this.#version = version
  }

  /** `milliseconds`: null for a stream, which lasts as long as its client wants. */
  answered(route: string, status: number, milliseconds: number | null): void {
    let statuses = this.#requests.get(route)
    if (statuses === undefined) this.#requests.set(route, (statuses = new Map()))
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    if (milliseconds === null) return
    let seconds = this.#seconds.get(route)
    if (seconds === undefined) this.#seconds.set(route, (seconds = new Histogram(times)))
    seconds.observe(milliseconds / 1_000)
  }

  async text(): Promise<Readonly<{ text: string; media: string }>> {
    // Loaded on demand: most processes are never asked.
    const [{ Registry }, families] = await Promise.all([import('prom-client'), this.#families()])
    const registry = new Registry()
    for (const { name, kind: type, help, values } of families) {
      if (values.length === 0) continue
      // What a registry needs of a metric: its values are already there.
      const metric = { name, get: async () => ({ name, help, type, values, aggregator: 'sum' }) }
      registry.registerMetric(metric as unknown as Metric)
    }
    return { text: await registry.metrics(), media: registry.contentType }
  }

  async #families(): Promise<Family[]> {
    const { tasks, types, commits, leaseAge, leasesLost, remoteWorkers, deliveries } =
      await this.#manager.metrics()
    const { phase, slotsInUse, maxConcurrent, loop } = this.#manager.state
    const free = phase === 'ready' ? Math.max(0, maxConcurrent - slotsInUse) : 0
    const memory = process.memoryUsage()
    const { userCPUTime, systemCPUTime } = process.resourceUsage()
    const ofTypes = <T>(
      valuesOf: (type: string, metrics: NonNullable<ReturnType<typeof types.get>>) => T[],
    ) => Array.from(types, ([type, metrics]) => valuesOf(type, metrics)).flat()
    return [
      gauge(
        'fermata_tasks',
        'Tasks by type and status, of all nodes. Missing while the database does not answer.',
        Object.entries(tasks?.counts.byType ?? {}).flatMap(([type, counts]) =>
          statuses.map((status) => ({ labels: { type, status }, value: counts[status] ?? 0 })),
        ),
      ),
      gauge(
        'fermata_oldest_queued_seconds',
        'How long the oldest queued task of a type has been queued, of all nodes.',
        Object.keys(tasks?.counts.byType ?? {}).map((type) => ({
          labels: { type },
          value: (tasks?.oldestQueued[type] ?? 0) / 1_000,
        })),
      ),
      gauge(
        'fermata_limit_slots',
        'Slots in use under a limit, of all its keys.',
        (tasks?.limits ?? []).map(({ limit, running }) => ({
          labels: { limit: limit.name },
          value: running,
        })),
      ),
      gauge(
        'fermata_limit_blocked_buckets',
        'Keys of a limit for which tasks wait. Counted up to 10,000.',
        (tasks?.limits ?? []).map(({ limit, blocked }) => ({
          labels: { limit: limit.name },
          value: blocked,
        })),
      ),
      gauge(
        'fermata_schedule_lag_seconds',
        'For how long the first schedule has been due, of all nodes; 0 if none is.',
        tasks === null ? [] : [{ labels: {}, value: tasks.scheduleLag / 1_000 }],
      ),
      counter(
        'fermata_tasks_submitted_total',
        'Tasks that this node accepted.',
        ofTypes((type, { submitted }) => [{ labels: { type }, value: submitted }]),
      ),
      counter(
        'fermata_tasks_finished_total',
        'Tasks that finished on this node, by final status.',
        ofTypes((type, { finished }) =>
          terminalStatuses.map((status) => ({ labels: { type, status }, value: finished[status] })),
        ),
      ),
      counter(
        'fermata_submits_refused_total',
        'Submits that this node refused because too many tasks waited.',
        ofTypes((type, { refused }) => [{ labels: { type }, value: refused }]),
      ),
      counter(
        'fermata_preemptions_total',
        'How often tasks of this node have made room for urgent ones.',
        ofTypes((type, { preempted }) => [{ labels: { type }, value: preempted }]),
      ),
      counter(
        'fermata_tasks_expired_total',
        'Tasks that this node cancelled because they did not start in time; they count as finished, too.',
        ofTypes((type, { expired }) => [{ labels: { type }, value: expired }]),
      ),
      histogram(
        'fermata_task_run_seconds',
        'Active time of attempts that ended on this node; pauses do not count.',
        ofTypes((type, { run }) => [[{ type }, run]]),
      ),
      histogram(
        'fermata_task_queue_seconds',
        'Time that tasks were queued before they started on this node.',
        ofTypes((type, { queue }) => [[{ type }, queue]]),
      ),
      gauge('fermata_slots', 'Slots of this node by state: in_use or free.', [
        { labels: { state: 'in_use' }, value: slotsInUse },
        { labels: { state: 'free' }, value: free },
      ]),
      histogram('fermata_commit_seconds', 'Duration of the transactions that this node committed.', [
        [{}, commits.seconds],
      ]),
      histogram('fermata_commit_rows', 'Tasks that each of them inserted, changed or deleted.', [
        [{}, commits.rows],
      ]),
      histogram('fermata_event_loop_delay_seconds', 'Delay of the main thread, sampled ten times a second.', [
        [{}, loop.samples],
      ]),
      gauge(
        'fermata_lease_age_seconds',
        'Time since this node renewed its lease. PostgreSQL only.',
        leaseAge === null ? [] : [{ labels: {}, value: leaseAge / 1_000 }],
      ),
      counter('fermata_leases_lost_total', 'Leases that this node lost.', [
        { labels: {}, value: leasesLost },
      ]),
      gauge('fermata_remote_workers', 'Live remote workers, of all nodes.', [
        { labels: {}, value: remoteWorkers },
      ]),
      counter(
        'fermata_webhook_deliveries_total',
        'Attempts of this node to deliver a message, by how they ended: delivered, retried or dead.',
        Object.entries(deliveries).map(([status, value]) => ({ labels: { status }, value })),
      ),
      gauge(
        'fermata_webhook_pending',
        'Messages that are still to be delivered, of all nodes. Counted up to 10,000.',
        tasks === null ? [] : [{ labels: {}, value: tasks.pendingDeliveries }],
      ),
      counter(
        'fermata_http_requests_total',
        'Responses by route template and status; requests for unknown paths have the route "unknown".',
        Array.from(this.#requests, ([route, ofRoute]) =>
          Array.from(ofRoute, ([status, value]) => ({ labels: { route, status: String(status) }, value })),
        ).flat(),
      ),
      histogram(
        'fermata_http_request_seconds',
        'Time to respond, without event streams. Includes the time that a caller asked to wait.',
        Array.from(this.#seconds, ([route, seconds]) => [{ route }, seconds] as const),
      ),
      counter('fermata_process_cpu_seconds_total', 'Processor time of the process of this node.', [
        { labels: {}, value: (userCPUTime + systemCPUTime) / 1e6 },
      ]),
      gauge('fermata_process_resident_memory_bytes', 'Memory of the process of this node.', [
        { labels: {}, value: memory.rss },
      ]),
      gauge('fermata_info', 'The version of this node.', [{ labels: { version: this.#version }, value: 1 }]),
    ]
  }
}

function gauge(name: string, help: string, values: readonly Sample[]): Family {
  return { name, kind: 'gauge', help, values }
}

function counter(name: string, help: string, values: readonly Sample[]): Family {
  return { name, kind: 'counter', help, values }
}

function histogram(name: string, help: string, series: readonly (readonly [Labels, Histogram])[]): Family {
  const values = series.flatMap(([labels, { bounds, counts, count, sum }]) => {
    let upTo = 0
    const buckets = bounds.map((bound, index) => ({
      labels: { ...labels, le: String(bound) },
      value: (upTo += counts[index]!),
      metricName: `${name}_bucket`,
    }))
    return [
      ...buckets,
      { labels: { ...labels, le: '+Inf' }, value: count, metricName: `${name}_bucket` },
      { labels, value: sum, metricName: `${name}_sum` },
      { labels, value: count, metricName: `${name}_count` },
    ]
  })
  return { name, kind: 'histogram', help, values }
}
