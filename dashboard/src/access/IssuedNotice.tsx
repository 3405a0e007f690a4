import { Alert } from '@mantine/core'
import type { IssuedKey } from '../../../src/client/index.ts'
import { CopyButton } from '../kit/CopyButton.tsx'
import styles from './KeysPage.module.css'

/** A new secret, which nobody can show again. */
export function IssuedNotice({ issued, onClose }: Readonly<{ issued: IssuedKey; onClose: () => void }>) {
  return (
    <Alert
      title={`Key ${issued.name}: copy it now, it is not shown again`}
      withCloseButton
      closeButtonLabel="Hide the key"
      onClose={onClose}
    >
      <span className={styles.key}>
        <code>{issued.key}</code>
        <CopyButton text={issued.key} what="the key" />
      </span>
    </Alert>
  )
}
