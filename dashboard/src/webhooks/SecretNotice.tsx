import { Alert } from '@mantine/core'
import type { IssuedWebhook } from '../../../src/client/index.ts'
import { CopyButton } from '../kit/CopyButton.tsx'
import styles from './Webhooks.module.css'

/** A new secret, which nobody can show again. */
export function SecretNotice({ of, onClose }: Readonly<{ of: IssuedWebhook; onClose: () => void }>) {
  return (
    <Alert
      title="Copy the secret now, it is not shown again"
      withCloseButton
      closeButtonLabel="Hide the secret"
      onClose={onClose}
    >
      <span className={styles.secret}>
        <code>{of.secret}</code>
        <CopyButton text={of.secret} what="the secret" />
      </span>
    </Alert>
  )
}
