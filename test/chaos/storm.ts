import { setTimeout as sleep } from 'node:timers/promises'
import type { Chance } from '../support/chance.ts'
import type { Cluster } from './cluster.ts'

/** Something that happens to a node or to the database, and is over when `work` is done. */
export type Trouble = Readonly<{
  name: string
  /** The database is stopped: one at a time. */
  isOutage?: boolean
  begin: (where: Where) => Readonly<{ told: string; work: Promise<void> }>
}>

/** `node`: the one it happens to. `lease`: milliseconds. */
export type Where = Readonly<{ cluster: Cluster; node: number; chance: Chance; lease: number }>

export type StormOptions = Readonly<{
  cluster: Cluster
  chance: Chance
  nodes: number
  /** Milliseconds. */
  lease: number
  lasts: number
  report: (line: string) => void
  /** Each happens at least once; the more often it is listed, the more often it happens. */
  troubles: readonly Trouble[]
}>

export const kill: Trouble = {
  name: 'kill',
  begin: ({ cluster, node }) => ({ told: `node ${node} is killed`, work: cluster.kill(node) }),
}

const drain: Trouble = {
  name: 'drain',
  begin: ({ cluster, node }) => ({ told: `node ${node} is drained`, work: cluster.drain(node) }),
}

const frost: Trouble = {
  name: 'frost',
  begin: ({ cluster, node, chance, lease }) => {
    const ms = chance.between(100, lease * 0.6)
    return { told: `node ${node} stands still for ${ms} ms`, work: cluster.freeze(node, ms) }
  },
}

const longFrost: Trouble = {
  name: 'long frost',
  begin: ({ cluster, node, chance, lease }) => {
    const ms = lease + chance.between(500, lease)
    return { told: `node ${node} stands still for ${ms} ms`, work: cluster.freeze(node, ms) }
  },
}

const outage: Trouble = {
  name: 'outage',
  isOutage: true,
  begin: ({ cluster, chance }) => {
    const ms = chance.between(0, 800)
    return { told: `the database is away for ${ms} ms`, work: cluster.stopDatabase(ms) }
  },
}

const longOutage: Trouble = {
  name: 'long outage',
  isOutage: true,
  begin: ({ cluster, chance, lease }) => {
    const ms = lease + chance.between(500, 2_000)
    return { told: `the database is away for ${ms} ms`, work: cluster.stopDatabase(ms) }
  },
}

/** The database is stopped less often than the nodes. */
export const usual: readonly Trouble[] = [
  kill,
  frost,
  longFrost,
  drain,
  outage,
  longOutage,
  kill,
  kill,
  frost,
  longFrost,
  drain,
]

/** Does to the nodes and their database, at random, what can happen to them. All of it is over when it answers how often. */
export async function storm(options: StormOptions): Promise<Record<string, number>> {
  const { cluster, chance, nodes, lease, lasts, report, troubles } = options
  const done: Record<string, number> = {}
  const all: Promise<void>[] = []
  const under = new Set<Promise<void>>()
  const end = performance.now() + lasts
  // At least one of each, in the order of chance; then whatever comes.
  const due = [...new Set(troubles)].sort(() => chance.next() - 0.5)
  while (performance.now() < end || due.length > 0) {
    await sleep(chance.between(300, 1_500))
    const node = chance.between(0, nodes - 1)
    const trouble = due.at(-1) ?? chance.of(troubles)
    if (trouble === undefined) continue
    if (trouble.isOutage === true ? cluster.databaseAway : !cluster.isUp(node)) continue
    due.pop()
    const { told, work } = trouble.begin({ cluster, node, chance, lease })
    report(told)
    done[trouble.name] = (done[trouble.name] ?? 0) + 1
    under.add(work)
    all.push(work)
    const over = () => void under.delete(work)
    work.then(over, over)
    // Not more than two at a time: some node has to get something done.
    while (under.size > 1) await Promise.race(under)
  }
  await Promise.all(all)
  return done
}
