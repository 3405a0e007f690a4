import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'

/** Three nodes on one PostgreSQL, on this machine, to try things out. */

const root = join(import.meta.dirname, '..')
const running: { child: ChildProcess; end: (child: ChildProcess) => void }[] = []
const ending = endBySignal()

const database = await startDatabase()
const nodes = await Promise.all([1, 2, 3].map((number) => startNode(number)))
process.stdout.write(`${invitation()}\n`)
await ending
process.stdout.write('\nStopping: the nodes release their tasks.\n')
for (const { child, end } of running.toReversed()) {
  if (child.exitCode === null && child.signalCode === null) {
    end(child)
    await once(child, 'exit')
  }
}

async function startDatabase(): Promise<string> {
  const { child, lines } = start('tools/demo-cluster/postgres.ts', [], {}, (child) => child.stdin?.end())
  const [url] = (await Promise.race([once(lines, 'line'), failed(child, 'PostgreSQL')])) as [string]
  return `${url}?lease=5`
}

async function startNode(number: number) {
  const env = { DATABASE_URL: database, PORT: '0', FERMATA_MAX_CONCURRENT: '4', FERMATA_DRAIN: '5s' }
  const { child, lines } = start('src/main.ts', ['serve'], env, (child) => child.kill('SIGTERM'))
  const listening = new Promise<string>((resolve) => {
    lines.on('line', (line) => {
      const { msg, url, level } = JSON.parse(line) as { msg: string; url?: string; level: number }
      if (msg === 'listening' && url !== undefined) resolve(url)
      else if (level > 20) process.stdout.write(`  node ${number}: ${msg}\n`)
    })
  })
  child.on('exit', (code, signal) => process.stdout.write(`  node ${number} has ended (${signal ?? code})\n`))
  return { number, pid: child.pid, url: await Promise.race([listening, failed(child, `node ${number}`)]) }
}

/** In a separate process group: Ctrl+C is for this program, which ends the others in order. */
function start(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  end: (child: ChildProcess) => void,
): { child: ChildProcess; lines: Interface } {
  const child = spawn(process.execPath, [join(root, file), ...args], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  })
  running.push({ child, end })
  return { child, lines: createInterface({ input: child.stdout }) }
}

async function failed(child: ChildProcess, what: string): Promise<never> {
  await once(child, 'exit')
  throw new Error(`${what} did not start`)
}

function endBySignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve())
  })
}

function invitation(): string {
  const [first, second, third] = nodes.map(({ url }) => url)
  const listed = nodes.map(({ number, url, pid }) => `  Node ${number}      ${url}   pid ${pid}`)
  return `
  Three nodes of Fermata on one PostgreSQL

  PostgreSQL  ${database}
${listed.join('\n')}

  Submit a task to the first node, and note its id:
    curl -s ${first}/api/run/long -H 'content-type: application/json' -d '{"parameters": {"duration": 60}}'
  Pause and resume it through the second node, whichever node runs it:
    curl -s -X POST ${second}/api/task/ID/pause
    curl -s -X POST ${second}/api/task/ID/resume
  Follow it through the third node:
    curl -N ${third}/api/task/ID/events
  List the live nodes and their slots:
    curl -s ${third}/api/nodes
  Kill a node; after 5 seconds its tasks continue on other nodes from their last checkpoints:
    kill -9 ${nodes[0]?.pid}

  Press Ctrl+C to stop everything.
`
}
