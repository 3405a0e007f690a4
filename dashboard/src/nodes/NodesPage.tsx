import { useQuery } from '@tanstack/react-query'
import { reads } from '../data/reads.ts'
import { Card } from '../kit/Card.tsx'
import { Loaded } from '../kit/Loaded.tsx'
import { Page } from '../kit/Page.tsx'
import { say } from '../language/say.ts'
import { HereCard } from './HereCard.tsx'
import { NodeRow } from './NodeRow.tsx'
import { WorkerRow } from './WorkerRow.tsx'
import styles from './NodesPage.module.css'

/** The nodes that share the database, with their slots and last renewals, and remote workers beside them. */
export function NodesPage() {
  const nodes = useQuery(reads.nodes())
  const stats = useQuery(reads.stats())
  const all = nodes.data?.nodes ?? []
  const slots = all.reduce((sum, node) => sum + node.max_concurrent, 0)
  // A server of an earlier version lists none.
  const workers = nodes.data?.workers ?? []
  const used = all.reduce((sum, node) => sum + node.slots_in_use, 0)
  return (
    <Page title={say.common.nodes}>
      <Loaded of={nodes} height={180}>
        {() => (
          <div className={styles.page}>
            <Card
              title={say.common.nodeCount(all.length)}
              aside={<span className={styles.sum}>{say.common.slotsInUse(used, slots)}</span>}
              flush
            >
              <ul className={styles.nodes}>
                {all.map((node) => (
                  <NodeRow key={node.id} node={node} />
                ))}
              </ul>
            </Card>
            {workers.length > 0 && (
              <Card title={say.nodes.remoteWorkers(workers.length)} flush>
                <ul className={styles.nodes}>
                  {workers.map((worker) => (
                    <WorkerRow key={worker.worker} worker={worker} />
                  ))}
                </ul>
              </Card>
            )}
            {stats.data !== undefined && <HereCard node={stats.data.node} />}
          </div>
        )}
      </Loaded>
    </Page>
  )
}
