import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { IssuedKey } from '../../../src/client/index.ts'
import { reads } from '../data/reads.ts'
import { Card } from '../kit/Card.tsx'
import { EmptyState } from '../kit/EmptyState.tsx'
import { Entries } from '../kit/Entries.tsx'
import { Loaded } from '../kit/Loaded.tsx'
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
  return (
    <Page title="Keys">
      <div className={styles.page}>
        {issued !== null && <IssuedNotice issued={issued} onClose={() => setIssued(null)} />}
        <Loaded of={keys} height={120}>
          {({ keys: all }) => (
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
                <Entries label="Keys" of={all} keyOf={({ id }) => id}>
                  {(key) => <KeyRow of={key} onIssued={setIssued} />}
                </Entries>
              )}
            </Card>
          )}
        </Loaded>
        <KeyForm isFirst={keys.data?.keys.length === 0} onIssued={setIssued} />
      </div>
    </Page>
  )
}
