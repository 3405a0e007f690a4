import { useQuery } from '@tanstack/react-query'
import { reads } from '../data/reads.ts'
import { ErrorState } from '../kit/ErrorState.tsx'
import { Icon } from '../kit/Icon.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { Page } from '../kit/Page.tsx'
import { say } from '../language/say.ts'
import { together, useChanges } from '../live/useChanges.ts'
import { RunsCard } from '../runs/RunsCard.tsx'
import { useRange } from '../runs/useRange.ts'
import { Counts } from './Counts.tsx'
import { Failures } from './Failures.tsx'
import { History } from './History.tsx'
import { NodesCard } from './NodesCard.tsx'
import styles from './OverviewPage.module.css'
import { RunningCard } from './RunningCard.tsx'
import { useRunning } from './useRunning.ts'

export function OverviewPage() {
  const { data: stats, error, refetch } = useQuery(reads.stats())
  const running = useRunning()
  const runs = useRange()
  useChanges(undefined, together(running.listener, runs.runs.listener))
  const submit = (
    <LinkButton to="/submit" leftSection={<Icon name="send" />}>
      {say.common.submitTask}
    </LinkButton>
  )
  return (
    <Page title={say.common.overview} actions={submit}>
      {stats === undefined && error !== null ? (
        <ErrorState error={error} retry={() => void refetch()} />
      ) : (
        <div className={styles.overview}>
          <Counts counts={stats?.counts} />
          <RunsCard of={runs} />
          <History />
          <div className={styles.columns}>
            <RunningCard of={running} />
            <div className={styles.side}>
              <NodesCard stats={stats} />
              <Failures />
            </div>
          </div>
        </div>
      )}
    </Page>
  )
}
