import { Alert } from '@mantine/core'
import type { IssuedKey } from '../../../src/client/index.ts'
import { CopyButton } from '../kit/CopyButton.tsx'
import { say } from '../language/say.ts'
import styles from './KeysPage.module.css'

/** A new secret, which nobody can show again. */
export function IssuedNotice({ issued, onClose }: Readonly<{ issued: IssuedKey; onClose: () => void }>) {
  return (
    <Alert
      title={say.access.copyNow(issued.name)}
      withCloseButton
      closeButtonLabel={say.access.hideTheKey}
      onClose={onClose}
    >
      <span className={styles.key}>
        <code>{issued.key}</code>
        <CopyButton text={issued.key} what={say.access.theKey} />
      </span>
    </Alert>
  )
}
