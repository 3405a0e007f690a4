import { Alert } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useLocation, useSearchParams } from 'wouter'
import type { LimitDetails } from '../../../src/client/index.ts'
import { useCan } from '../access/me.ts'
import { isFermataError } from '../data/client.ts'
import { reads } from '../data/reads.ts'
import { Card } from '../kit/Card.tsx'
import { EmptyState } from '../kit/EmptyState.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { Loaded } from '../kit/Loaded.tsx'
import { Page } from '../kit/Page.tsx'
import { say } from '../language/say.ts'
import { Buckets } from './Buckets.tsx'
import { LimitFacts } from './LimitFacts.tsx'
import { LimitForm } from './LimitForm.tsx'
import styles from './Limits.module.css'
import { limitPath } from './words.ts'

/** A limit with its keys; with `?edit`, the form for it. */
export function LimitPage({ name }: Readonly<{ name: string }>) {
  const read = useQuery(reads.limit(name))
  const [search] = useSearchParams()
  const canControl = useCan('control')
  const isEdited = search.has('edit') && canControl
  if (isFermataError(read.error, 'LIMIT_UNKNOWN')) {
    return (
      <Page title={say.common.limit}>
        <EmptyState icon="funnel" title={say.limits.noLimitHasThisName}>
          <p>{say.limits.mayHaveBeenDeleted}</p>
          <LinkButton to="/limits" variant="default">
            {say.limits.showAllLimits}
          </LinkButton>
        </EmptyState>
      </Page>
    )
  }
  return (
    <Page title={isEdited ? say.limits.changeOne(name) : name}>
      <Loaded of={read}>{(limit) => (isEdited ? <Edit limit={limit} /> : <Overview limit={limit} />)}</Loaded>
    </Page>
  )
}

function Overview({ limit }: Readonly<{ limit: LimitDetails }>) {
  return (
    <div className={styles.stack}>
      <Card flush>
        <LimitFacts of={limit} isAlone />
      </Card>
      <Buckets of={limit} />
    </div>
  )
}

function Edit({ limit }: Readonly<{ limit: LimitDetails }>) {
  const [, navigate] = useLocation()
  const back = () => navigate(limitPath(limit.name))
  return (
    <div className={styles.stack}>
      {limit.origin !== 'api' && <Alert color="yellow">{say.limits.declaredInType(limit.origin)}</Alert>}
      <LimitForm limit={limit} onDone={back} onCancel={back} />
    </div>
  )
}
