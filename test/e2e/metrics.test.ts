import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { Fermata } from '../../src/client/index.ts'
import { Api } from '../support/api.ts'
import { samplesOf } from '../support/prometheus.ts'
import { TestServer } from '../support/server.ts'

test('a server measures its tasks, slots, commits and responses', async () => {
  await using server = await TestServer.start({ env: { FERMATA_MAX_CONCURRENT: '1' } })
  const api = new Api(server.url)
  const done = await api.submit('add', { a: 1, b: 2 })
  await api.untilStatus(done, 'completed')
  const long = await api.submit('long', { duration: 60 })
  await api.untilStatus(long, 'running')
  await api.submit('long', { duration: 60 })
  const ended = await api.submit('long', { duration: 60 })
  await api.control(ended, 'cancel')
  await api.call('GET', '/nowhere/at/all')
  await (await fetch(`${server.url}/api/task/${done}/events`)).text()

  const samples = samplesOf(await new Fermata({ url: server.url }).getMetrics())
  const value = (name: string, labels: Record<string, string> = {}) => {
    const written = Object.entries(labels).map(([label, text]) => `${label}="${text}"`)
    return samples.get(written.length === 0 ? name : `${name}{${written.join(',')}}`)
  }
  expect(value('fermata_tasks', { type: 'add', status: 'completed' })).toBe(1)
  expect(value('fermata_tasks', { type: 'long', status: 'running' })).toBe(1)
  expect(value('fermata_tasks', { type: 'long', status: 'queued' })).toBe(1)
  expect(value('fermata_tasks', { type: 'long', status: 'failed' })).toBe(0)
  expect(value('fermata_tasks_submitted_total', { type: 'long' })).toBe(3)
  expect(value('fermata_tasks_finished_total', { type: 'add', status: 'completed' })).toBe(1)
  expect(value('fermata_tasks_finished_total', { type: 'long', status: 'cancelled' })).toBe(1)
  expect(value('fermata_task_run_seconds_count', { type: 'add' })).toBe(1)
  expect(value('fermata_task_queue_seconds_count', { type: 'add' })).toBe(1)
  expect(value('fermata_task_queue_seconds_count', { type: 'long' })).toBe(1)
  expect(value('fermata_oldest_queued_seconds', { type: 'long' })).toBeGreaterThan(0)
  expect(value('fermata_slots', { state: 'in_use' })).toBe(1)
  expect(value('fermata_slots', { state: 'free' })).toBe(0)
  expect(value('fermata_commit_seconds_count')).toBeGreaterThan(3)
  expect(value('fermata_commit_rows_count')).toBe(value('fermata_commit_seconds_count'))
  expect(value('fermata_event_loop_delay_seconds_count')).toBeGreaterThanOrEqual(0)
  expect(value('fermata_leases_lost_total')).toBe(0)
  expect(value('fermata_http_requests_total', { route: '/api/run/{task_type}', status: '200' })).toBe(4)
  expect(value('fermata_http_request_seconds_count', { route: '/api/run/{task_type}' })).toBe(4)
  expect(value('fermata_http_requests_total', { route: 'unknown', status: '404' })).toBe(1)
  const stream = { route: '/api/task/{task_id}/events' }
  expect(value('fermata_http_requests_total', { ...stream, status: '200' })).toBe(1)
  expect(value('fermata_http_request_seconds_count', stream)).toBeUndefined()
  expect(value('fermata_process_resident_memory_bytes')).toBeGreaterThan(1e6)
  expect(value('fermata_process_cpu_seconds_total')).toBeGreaterThan(0)
  const shared = TestServer.databaseIn('x').startsWith('postgres')
  expect(samples.has('fermata_lease_age_seconds')).toBe(shared)
  if (shared) expect(value('fermata_lease_age_seconds')).toBeLessThan(20)
})

test('an HTTP/1.0 client without a Host header may scrape it', async () => {
  await using server = await TestServer.start()
  const socket = connect(server.port, '127.0.0.1')
  socket.write('GET /metrics HTTP/1.0\r\n\r\n')
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  expect(text).toContain('content-type: text/plain; version=0.0.4; charset=utf-8\r\n')
  expect(text).toContain('\nfermata_info{version="')
})
