import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Pool } from 'undici'
import { median, quantile, throughput } from './measure.ts'
import { temporaryFolder } from './place.ts'
import { listening } from './server.ts'

/**
 * `npm run bench:keys`: requests with an API key beside the same without keys, as the latency that one caller sees and as the throughput of
 * fifty. Both servers run all the time and are asked in turn, in short rounds with equal traffic, because the speed of a
 * machine drifts by more than the difference. A submit with a key also writes its entry of the audit log.
 */
const rounds = { latency: 200, throughput: 30 }
const administrator = 'the-key-of-the-administrator-of-this-server'
const json = { 'content-type': 'application/json' }
const parameters = JSON.stringify({ parameters: { a: 2, b: 3 } })

type Headers = Readonly<Record<string, string>>
type Call = Readonly<{ method: 'GET' | 'POST'; path: string; body?: string }>

/** A server in a process of its own, and pools of keep-alive connections to it. */
async function server(file: string, env: Headers, headersOf: (url: string) => Promise<Headers>) {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../src/main.ts'), 'serve'], {
    env: {
      PATH: process.env['PATH'],
      PORT: '0',
      DATABASE_URL: `sqlite:${file}`,
      FERMATA_MAX_CONCURRENT: '0',
      FERMATA_DRAIN: '1s',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = await listening(child.stdout)
  const headers = await headersOf(url)
  const pools = new Map([1, 50].map((size) => [size, new Pool(url, { connections: size, pipelining: 1 })]))
  const ask = async (connections: number, call: Call): Promise<unknown> => {
    const pool = pools.get(connections) as Pool
    const { statusCode, body } = await pool.request({ ...call, headers })
    const answer = await body.text()
    if (statusCode !== 200) throw new Error(`${call.path} answered ${statusCode}: ${answer}`)
    return JSON.parse(answer)
  }
  const { task_id: id } = (await ask(1, submit)) as { task_id: string }
  return {
    ask,
    status: { method: 'GET', path: `/api/task/${id}/status` } as Call,
    async [Symbol.asyncDispose]() {
      for (const pool of pools.values()) await pool.close()
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'close')
    },
  }
}

const submit: Call = { method: 'POST', path: '/api/run/add', body: parameters }

async function newKey(url: string): Promise<Headers> {
  const answer = await fetch(`${url}/api/keys`, {
    method: 'POST',
    headers: { ...json, authorization: `Bearer ${administrator}` },
    body: JSON.stringify({ name: 'bench', scopes: ['read', 'run'] }),
  })
  const { key } = (await answer.json()) as { key: string }
  return { ...json, authorization: `Bearer ${key}` }
}

using folder = temporaryFolder()
await using open = await server(folder.file('open.db'), {}, () => Promise.resolve(json))
await using keyed = await server(folder.file('keyed.db'), { FERMATA_ADMIN_KEY: administrator }, newKey)

const sides = { with: keyed, without: open }
type Side = keyof typeof sides
const callOf = (what: string, side: Side) => (what === 'submits' ? submit : sides[side].status)

/** Measures both sides in turn; neither is always the first. Rounds before 0 warm both up. */
async function alternating(
  count: number,
  round: (side: Side, round: number) => Promise<void>,
): Promise<void> {
  for (let turn = -Math.ceil(count / 8); turn < count; turn++) {
    const order: Side[] = turn % 2 === 0 ? ['with', 'without'] : ['without', 'with']
    for (const side of order) await round(side, turn)
  }
}

console.log(
  '| latency of one caller | with a key, µs | without keys, µs | without / with |\n|---|--:|--:|--:|',
)
for (const [what, count] of [
  ['status reads', 200],
  ['submits', 50],
] as const) {
  const took: Record<Side, number[]> = { with: [], without: [] }
  await alternating(rounds.latency, async (side, round) => {
    for (let call = 0; call < count; call++) {
      const began = performance.now()
      await sides[side].ask(1, callOf(what, side))
      if (round >= 0) took[side].push(performance.now() - began)
    }
  })
  for (const [name, share] of [
    ['median', 0.5],
    ['p90', 0.9],
  ] as const) {
    const [keyed, open] = [quantile(took.with, share), quantile(took.without, share)]
    const micros = (milliseconds: number) => Math.round(milliseconds * 1_000)
    console.log(`| ${what}, ${name} | ${micros(keyed)} | ${micros(open)} | ${(open / keyed).toFixed(3)} |`)
  }
}

console.log(
  '\n| throughput of 50 callers | with a key/s | without keys/s | with / without |\n|---|--:|--:|--:|',
)
for (const what of ['status reads', 'submits']) {
  const found: Record<Side, number[]> = { with: [], without: [] }
  await alternating(rounds.throughput, async (side, round) => {
    const speed = await throughput(2_000, 50, () => sides[side].ask(50, callOf(what, side)))
    if (round >= 0) found[side].push(speed)
  })
  const ratios = found.with.map((speed, round) => speed / (found.without[round] as number))
  const columns = [
    what,
    Math.round(median(found.with)),
    Math.round(median(found.without)),
    median(ratios).toFixed(3),
  ]
  console.log(`| ${columns.join(' | ')} |`)
}
