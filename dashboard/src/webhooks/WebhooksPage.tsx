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
import { Sentence } from '../kit/Sentence.tsx'
import { say } from '../language/say.ts'
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
      <Page title={say.webhooks.newWebhook}>
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
    <Page
      title={say.common.webhooks}
      actions={<LinkButton to="/webhooks?new">{say.webhooks.newWebhook}</LinkButton>}
    >
      <div className={styles.stack}>
        {issued !== null && <SecretNotice of={issued} onClose={() => setIssued(null)} />}
        <Webhooks />
        <p className={styles.facts}>
          <Sentence of={say.webhooks.ownCallback(<code>callback_url</code>)} />{' '}
          <LinkButton to={webhookPath('callbacks')} size="xs" variant="default">
            {say.webhooks.showCallbacks}
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
            <EmptyState icon="webhook" title={say.webhooks.noWebhooks}>
              <p>{say.webhooks.whatWebhooksAre}</p>
            </EmptyState>
          ) : (
            <Entries label={say.common.webhooks} of={webhooks} keyOf={({ id }) => id}>
              {(webhook) => <WebhookFacts of={webhook} />}
            </Entries>
          )}
        </Card>
      )}
    </Loaded>
  )
}
