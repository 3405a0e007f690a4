import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useSearchParams } from 'wouter'
import { useCan } from '../access/me.ts'
import { reads } from '../data/reads.ts'
import { Card } from '../kit/Card.tsx'
import { Choice } from '../kit/Choice.tsx'
import { EmptyState } from '../kit/EmptyState.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { Loaded } from '../kit/Loaded.tsx'
import { Page } from '../kit/Page.tsx'
import { say } from '../language/say.ts'
import { BulkDialog, type Meant } from '../tasks/BulkDialog.tsx'
import { hasEnded, useBegun } from '../tasks/operations.ts'
import { FailureRow } from './FailureRow.tsx'
import styles from './Failures.module.css'

const spans = [
  { value: '1h', name: say.common.hour },
  { value: '24h', name: say.common.day },
  { value: '7d', name: say.common.week },
  { value: '30d', name: say.failures.days30 },
] as const

type Span = (typeof spans)[number]['value']

/** Failed tasks by cause, the latest failure first. The span of time is part of the address. */
export function FailuresPage() {
  const [search, setSearch] = useSearchParams()
  const span = spans.find(({ value }) => value === search.get('span'))?.value ?? '7d'
  const failures = useQuery({ ...reads.failures({ span, limit: 100 }), placeholderData: keepPreviousData })
  const canControl = useCan('control')
  const [meant, setMeant] = useState<Meant | null>(null)
  const { add, forget } = useBegun()
  const close = () => {
    if (meant !== null && 'id' in meant && hasEnded(meant)) forget(meant.id)
    setMeant(null)
    void failures.refetch()
  }
  const choice = (
    <Choice
      label={say.failures.failedWithinTheLast}
      value={span}
      choices={spans}
      onChange={(value: Span) => setSearch(value === '7d' ? {} : { span: value })}
    />
  )
  return (
    <Page title={say.common.failures} actions={choice}>
      <Loaded of={failures}>
        {({ failures: groups, limited }) => (
          <Card flush>
            {groups.length === 0 ? (
              <EmptyState icon="check" title={say.failures.noFailedTasks}>
                <p>{say.failures.failedTasksAppearHere}</p>
                <LinkButton to="/tasks" variant="default">
                  {say.common.viewAllTasks}
                </LinkButton>
              </EmptyState>
            ) : (
              <ul className={styles.groups} aria-label={say.failures.failuresByCause}>
                {groups.map((group) => (
                  <FailureRow
                    key={group.fingerprint}
                    of={group}
                    onRetry={
                      canControl
                        ? () => setMeant({ control: 'retry', filter: { fingerprint: group.fingerprint } })
                        : undefined
                    }
                  />
                ))}
              </ul>
            )}
            {limited && <p className={styles.limited}>{say.failures.limited}</p>}
          </Card>
        )}
      </Loaded>
      <BulkDialog
        meant={meant}
        onClose={close}
        onBegun={(begun) => {
          add(begun)
          setMeant(begun)
        }}
        onDone={() => undefined}
      />
    </Page>
  )
}
