import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { IssuedKey } from '../../../src/client/index.ts'
import { reads } from '../data/reads.ts'
import { Card } from '../kit/Card.tsx'
import { EmptyState } from '../kit/EmptyState.tsx'
import { Entries } from '../kit/Entries.tsx'
import { Loaded } from '../kit/Loaded.tsx'
import { Page } from '../kit/Page.tsx'
import { say } from '../language/say.ts'
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
    <Page title={say.common.keys}>
      <div className={styles.page}>
        {issued !== null && <IssuedNotice issued={issued} onClose={() => setIssued(null)} />}
        <Loaded of={keys} height={120}>
          {({ keys: all }) => (
            <Card title={say.access.keyCount(all.length)} flush>
              {all.length === 0 ? (
                <EmptyState icon="key" title={say.access.noKeys}>
                  <p>{storedKey() === undefined ? say.access.isOpen : say.access.onlyTheKeyOfSettings}</p>
                </EmptyState>
              ) : (
                <Entries label={say.common.keys} of={all} keyOf={({ id }) => id}>
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
