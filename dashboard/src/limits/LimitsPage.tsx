import { useQuery } from '@tanstack/react-query'
import { useLocation, useSearchParams } from 'wouter'
import { useCan } from '../access/me.ts'
import { reads } from '../data/reads.ts'
import { Card } from '../kit/Card.tsx'
import { EmptyState } from '../kit/EmptyState.tsx'
import { Entries } from '../kit/Entries.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { Loaded } from '../kit/Loaded.tsx'
import { Page } from '../kit/Page.tsx'
import { say } from '../language/say.ts'
import { HeadOfQueue } from './HeadOfQueue.tsx'
import { LimitFacts } from './LimitFacts.tsx'
import { LimitForm } from './LimitForm.tsx'
import styles from './Limits.module.css'
import { limitPath } from './words.ts'

/** All limits with what is in use, and why the oldest queued task waits; with `?new`, the form for another limit. */
export function LimitsPage() {
  const [search] = useSearchParams()
  const canControl = useCan('control')
  return search.has('new') && canControl ? <NewLimit /> : <Limits canControl={canControl} />
}

function Limits({ canControl }: Readonly<{ canControl: boolean }>) {
  const list = useQuery(reads.limits())
  return (
    <Page
      title={say.common.limits}
      actions={canControl && <LinkButton to="/limits?new">{say.limits.newLimit}</LinkButton>}
    >
      <div className={styles.stack}>
        <Loaded of={list}>
          {({ limits }) => (
            <Card flush>
              {limits.length === 0 ? (
                <EmptyState icon="funnel" title={say.limits.noLimits}>
                  <p>{canControl ? say.limits.whatLimitsAre : say.limits.whatLimitsAreForReaders}</p>
                </EmptyState>
              ) : (
                <Entries label={say.common.limits} of={limits} keyOf={({ name }) => name}>
                  {(limit) => <LimitFacts of={limit} />}
                </Entries>
              )}
            </Card>
          )}
        </Loaded>
        <HeadOfQueue />
      </div>
    </Page>
  )
}

function NewLimit() {
  const [, navigate] = useLocation()
  return (
    <Page title={say.limits.newLimit}>
      <LimitForm onDone={(name) => navigate(limitPath(name))} onCancel={() => navigate('/limits')} />
    </Page>
  )
}
