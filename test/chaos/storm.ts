import { setTimeout as sleep } from 'node:timers/promises'
import type { Chance } from '../support/chance.ts'
import type { Cluster } from './cluster.ts'

/** How often each fault was injected. */
export type Troubles = {
  kills: number
  drains: number
  frostsShort: number
  frostsLong: number
  outages: number
}

export type StormOptions = Readonly<{
  cluster: Cluster
  chance: Chance
  nodes: number
  /** Milliseconds. */
  lease: number
  lasts: number
  report: (line: string) => void
}>

const kinds = ['kill', 'frost', 'frost-long', 'drain', 'outage', 'outage-long'] as const
/** The database is stopped less often than the nodes. */
const all = [...kinds, 'kill', 'kill', 'frost', 'frost-long', 'drain'] as const

/** Injects random faults into the nodes and their database. When it returns, all of them are over. */
export async function storm({
  cluster,
  chance,
  nodes,
  lease,
  lasts,
  report,
}: StormOptions): Promise<Troubles> {
  const done: Troubles = { kills: 0, drains: 0, frostsShort: 0, frostsLong: 0, outages: 0 }
  const under = new Set<Promise<void>>()
  const end = performance.now() + lasts
  const begin = (what: keyof Troubles, told: string, work: Promise<void>) => {
    done[what] += 1
    report(told)
    under.add(work)
    void work.finally(() => under.delete(work))
  }
  // At least one of each, in random order; then any.
  const due = [...kinds].sort(() => chance.next() - 0.5)
  while (performance.now() < end || due.length > 0) {
    await sleep(chance.between(300, 1_500))
    const node = chance.between(0, nodes - 1)
    const trouble = due.at(-1) ?? chance.of(all)
    if (trouble?.startsWith('outage') === true ? cluster.databaseAway : !cluster.isUp(node)) continue
    due.pop()
    switch (trouble) {
      case 'kill':
        begin('kills', `node ${node} is killed`, cluster.kill(node))
        break
      case 'drain':
        begin('drains', `node ${node} is drained`, cluster.drain(node))
        break
      case 'frost': {
        const ms = chance.between(100, lease * 0.6)
        begin('frostsShort', `node ${node} stands still for ${ms} ms`, cluster.freeze(node, ms))
        break
      }
      case 'frost-long': {
        const ms = lease + chance.between(500, lease)
        begin('frostsLong', `node ${node} stands still for ${ms} ms`, cluster.freeze(node, ms))
        break
      }
      case 'outage':
      case 'outage-long': {
        const ms = trouble === 'outage' ? chance.between(0, 800) : lease + chance.between(500, 2_000)
        begin('outages', `the database is away for ${ms} ms`, cluster.stopDatabase(ms))
        break
      }
      case undefined:
    }
    // At most two at a time, so that some node can work.
    while (under.size > 1) await Promise.race(under)
  }
  await Promise.all(under)
  return done
}
