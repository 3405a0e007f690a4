import { Skeleton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { IssuedKey } from '../../../src/client/index.ts'
import { reads } from '../data/reads.ts'
import { Card } from '../kit/Card.tsx'
import { EmptyState } from '../kit/EmptyState.tsx'
import { ErrorState } from '../kit/ErrorState.tsx'
import { Page } from '../kit/Page.tsx'
import { IssuedNotice } from './IssuedNotice.tsx'
import { KeyForm } from './KeyForm.tsx'
import { KeyRow } from './KeyRow.tsx'
import { storedKey } from './key.ts'
import styles from './KeysPage.module.css'

/** Keys: create, rotate, revoke. */
export function KeysPage() {
  const keys = useQuery(reads.keys())
  const [issued, setIssued] = useState<IssuedKey | null>(null)
  const all = keys.data?.keys ?? []
  return (
    <Page title="Keys">
      <div className={styles.page}>
        {issued !== null && <IssuedNotice issued={issued} onClose={() => setIssued(null)} />}
        {keys.data === undefined && keys.error !== null ? (
          <ErrorState error={keys.error} retry={() => void keys.refetch()} />
        ) : keys.data === undefined ? (
          <Skeleton height={120} radius="md" />
        ) : (
          <Card title={all.length === 1 ? '1 key' : `${all.length} keys`} flush>
            {all.length === 0 ? (
              <EmptyState icon="key" title="No keys">
                <p>
                  {storedKey() === undefined
                    ? 'Anyone who reaches this server may call it. The first key closes it.'
                    : 'Only the key in the settings of the server is accepted.'}
                </p>
              </EmptyState>
            ) : (
              <ul className={styles.keys}>
                {all.map((key) => (
                  <KeyRow key={key.id} of={key} onIssued={setIssued} />
                ))}
              </ul>
            )}
          </Card>
        )}
        <KeyForm isFirst={keys.data !== undefined && all.length === 0} onIssued={setIssued} />
      </div>
    </Page>
  )
}
