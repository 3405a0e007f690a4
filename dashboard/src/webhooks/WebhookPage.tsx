import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { IssuedWebhook, WebhookDetails } from '../../../src/client/index.ts'
import { isFermataError } from '../data/client.ts'
import { reads } from '../data/reads.ts'
import { Card } from '../kit/Card.tsx'
import { EmptyState } from '../kit/EmptyState.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { Loaded } from '../kit/Loaded.tsx'
import { Page } from '../kit/Page.tsx'
import { say } from '../language/say.ts'
import { Deliveries } from './Deliveries.tsx'
import { SecretNotice } from './SecretNotice.tsx'
import { WebhookActions } from './WebhookActions.tsx'
import { WebhookFacts } from './WebhookFacts.tsx'
import styles from './Webhooks.module.css'

/** A webhook with its deliveries. */
export function WebhookPage({ id }: Readonly<{ id: string }>) {
  const read = useQuery(reads.webhook(id))
  if (isFermataError(read.error, 'WEBHOOK_UNKNOWN')) {
    return (
      <Page title={say.common.webhook}>
        <EmptyState icon="webhook" title={say.webhooks.noWebhookHasThisId}>
          <p>{say.webhooks.mayHaveBeenDeleted}</p>
          <LinkButton to="/webhooks" variant="default">
            {say.webhooks.showAllWebhooks}
          </LinkButton>
        </EmptyState>
      </Page>
    )
  }
  return (
    <Page title={id === 'callbacks' ? say.webhooks.callbacks : say.common.webhook}>
      <Loaded of={read}>{(webhook) => <Overview webhook={webhook} />}</Loaded>
    </Page>
  )
}

function Overview({ webhook }: Readonly<{ webhook: WebhookDetails }>) {
  const [issued, setIssued] = useState<IssuedWebhook | null>(null)
  return (
    <div className={styles.stack}>
      {issued !== null && <SecretNotice of={issued} onClose={() => setIssued(null)} />}
      <Card flush>
        <WebhookFacts of={webhook} />
        <WebhookActions of={webhook} onIssued={setIssued} />
      </Card>
      <Deliveries of={webhook} />
    </div>
  )
}
