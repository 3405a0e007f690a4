import { Link } from 'wouter'
import type { WebhookDetails } from '../../../src/client/index.ts'
import { Tally } from '../kit/Entries.tsx'
import { say } from '../language/say.ts'
import { exactCount } from '../time/words.ts'
import styles from './Webhooks.module.css'
import { eventsWords, filterWords, stateWords, webhookPath } from './words.ts'

/** A webhook: where it sends messages, when, and how many are on their way. */
export function WebhookFacts({ of: webhook }: Readonly<{ of: WebhookDetails }>) {
  const { id, url, events, pending, dead } = webhook
  const filter = filterWords(webhook)
  return (
    <div className={styles.webhook}>
      <div className={styles.what}>
        <Link href={webhookPath(id)} className={styles.name}>
          {url === '' ? say.webhooks.callbacksOfTasks : url}
        </Link>
        <div>{eventsWords(events)}</div>
        {filter !== '' && <div className={styles.facts}>{filter}</div>}
        <div className={styles.facts}>{stateWords(webhook)}</div>
      </div>
      <Tally
        of={[
          [say.webhooks.pendingFew, exactCount(pending)],
          [say.webhooks.deadFew, exactCount(dead)],
        ]}
      />
    </div>
  )
}
