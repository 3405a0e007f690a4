import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useLocation, useSearchParams } from 'wouter'
import type { IssuedWebhook } from '../../../src/client/index.ts'
import { reads } from '../data/reads.ts'
import { Card } from '../kit/Card.tsx'
import { EmptyState } from '../kit/EmptyState.tsx'
import { Entries } from '../kit/Entries.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { Loaded } from '../kit/Loaded.tsx'
import { Page } from '../kit/Page.tsx'
import { SecretNotice } from './SecretNotice.tsx'
import { WebhookFacts } from './WebhookFacts.tsx'
import { WebhookForm } from './WebhookForm.tsx'
import styles from './Webhooks.module.css'
import { webhookPath } from './words.ts'

/** All webhooks with their state; with `?new`, the form for another one. */
export function WebhooksPage() {
  const [search] = useSearchParams()
  const [, navigate] = useLocation()
  const [issued, setIssued] = useState<IssuedWebhook | null>(null)
  if (search.has('new')) {
    return (
      <Page title="New webhook">
        <WebhookForm
          onDone={(made) => {
            setIssued(made)
            navigate('/webhooks')
          }}
          onCancel={() => navigate('/webhooks')}
        />
      </Page>
    )
  }
  return (
    <Page title="Webhooks" actions={<LinkButton to="/webhooks?new">New webhook</LinkButton>}>
      <div className={styles.stack}>
        {issued !== null && <SecretNotice of={issued} onClose={() => setIssued(null)} />}
        <Webhooks />
        <p className={styles.facts}>
          Tasks can have a callback of their own, <code>callback_url</code>.{' '}
          <LinkButton to={webhookPath('callbacks')} size="xs" variant="default">
            Show callbacks
          </LinkButton>
        </p>
      </div>
    </Page>
  )
}

function Webhooks() {
  const list = useQuery(reads.webhooks())
  return (
    <Loaded of={list}>
      {({ webhooks }) => (
        <Card flush>
          {webhooks.length === 0 ? (
            <EmptyState icon="webhook" title="No webhooks">
              <p>
                A webhook sends a signed message to a URL when a task is completed, fails, or takes any other
                status.
              </p>
            </EmptyState>
          ) : (
            <Entries label="Webhooks" of={webhooks} keyOf={({ id }) => id}>
              {(webhook) => <WebhookFacts of={webhook} />}
            </Entries>
          )}
        </Card>
      )}
    </Loaded>
  )
}
