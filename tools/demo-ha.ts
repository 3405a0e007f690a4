import { execFileSync, spawn } from 'node:child_process'
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Load } from './demo-ha/load.ts'
import { isLeader, PatroniCluster } from './demo-ha/patroni.ts'
import { installed, Programs } from './demo-ha/programs.ts'

/**
 * `npm run demo:ha`: a highly available PostgreSQL of three servers (Patroni, etcd) with two nodes of Fermata, whose leader
 * is killed under load. Exits with 1 if anything acknowledged is lost.
 */

const binaries = found()
// PostgreSQL does not run as root.
const owner = process.getuid?.() === 0 ? userOf('postgres') : undefined
const folder = await mkdtemp(join(tmpdir(), 'fermata-ha-'))
await chmod(folder, 0o755)
if (owner !== undefined) await chown(folder, owner.uid, owner.gid)
let lost: readonly string[] = []
{
  await using _ = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
  await using programs = new Programs(owner)
  const cluster = await PatroniCluster.start(folder, programs, binaries, owner)
  say('starting three servers')
  const whole = await cluster.until((roles) => isReady(roles, 3), 120)
  for (const { name, role, state } of whole) say(`  ${name}: ${role}, ${state}`)

  await using nodes = await startNodes(cluster.url, 2)
  say(`two nodes: ${nodes.urls.join(', ')}`)
  const load = new Load(nodes.urls, 20)
  await sleep(5_000)
  const before = load.acknowledged.length
  const killed = performance.now()
  const leader = cluster.killLeader(await cluster.roles())
  say(`killing the leader, ${leader}, after ${before} acknowledged submits`)
  while (load.firstAfter(killed + 50) === undefined) {
    if (performance.now() - killed > 120_000)
      throw new Error('no submit was acknowledged after the fail-over')
    await sleep(50)
  }
  const took = load.firstAfter(killed + 50)! / 1_000
  await sleep(5_000)
  await load.stop()
  for (const { name, role, state } of await cluster.roles()) say(`  ${name}: ${role}, ${state}`)
  lost = await load.verify()
  say(
    `submits were accepted again ${took.toFixed(1)} s after the kill; ${load.refused} were refused in between`,
  )
  say(`${load.acknowledged.length} submits acknowledged, ${lost.length} of them lost or wrong`)
}
for (const line of lost) say(`  ${line}`)
process.exit(lost.length === 0 ? 0 : 1)

function isReady(roles: Awaited<ReturnType<PatroniCluster['roles']>>, count: number): boolean {
  const run = roles.filter(({ state }) => state === 'running' || state === 'streaming')
  return run.length === count && run.some(isLeader) && run.some(({ role }) => role === 'sync_standby')
}

function found(): ReturnType<typeof installed> {
  try {
    return installed()
  } catch (error) {
    process.stderr.write(`demo:ha: ${(error as Error).message}\n`)
    return process.exit(1)
  }
}

function userOf(name: string): Readonly<{ uid: number; gid: number }> {
  const id = (flag: string) => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

async function startNodes(database: string, count: number) {
  const main = join(import.meta.dirname, '..', 'src', 'main.ts')
  const env = { PATH: process.env['PATH'], PORT: '0', DATABASE_URL: `${database}&lease=10` }
  const nodes = Array.from({ length: count }, () =>
    spawn(process.execPath, [main, 'serve'], { env, stdio: ['ignore', 'pipe', 'inherit'] }),
  )
  const urls = await Promise.all(
    nodes.map(
      (node) =>
        new Promise<string>((resolve, reject) => {
          node.once('close', () => reject(new Error('a node did not start')))
          createInterface({ input: node.stdout }).on('line', (line) => {
            const { msg, url } = JSON.parse(line) as { msg?: string; url?: string }
            if (msg === 'listening' && url !== undefined) resolve(url)
          })
        }),
    ),
  )
  return {
    urls,
    [Symbol.asyncDispose]: async () => {
      const ended = nodes.map((node) => new Promise((resolve) => node.once('close', resolve)))
      for (const node of nodes) node.kill('SIGTERM')
      await Promise.all(ended)
    },
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
