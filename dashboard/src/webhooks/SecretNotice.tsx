import { Alert } from '@mantine/core'
import type { IssuedWebhook } from '../../../src/client/index.ts'
import { CopyButton } from '../kit/CopyButton.tsx'
import { say } from '../language/say.ts'
import styles from './Webhooks.module.css'

/** A new secret, which nobody can show again. */
export function SecretNotice({ of, onClose }: Readonly<{ of: IssuedWebhook; onClose: () => void }>) {
  return (
    <Alert
      title={say.webhooks.copyTheSecretNow}
      withCloseButton
      closeButtonLabel={say.webhooks.hideTheSecret}
      onClose={onClose}
    >
      <span className={styles.secret}>
        <code>{of.secret}</code>
        <CopyButton text={of.secret} what={say.webhooks.theSecret} />
      </span>
    </Alert>
  )
}
