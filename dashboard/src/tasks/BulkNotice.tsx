import { ActionIcon, Button } from '@mantine/core'
import { useEffect, useEffectEvent } from 'react'
import { controlWords } from '../controls/words.ts'
import { isFermataError } from '../data/client.ts'
import { Icon } from '../kit/Icon.tsx'
import { say } from '../language/say.ts'
import { BulkBar } from './BulkBar.tsx'
import styles from './BulkNotice.module.css'
import { doneOf, isUnderWay, outcomeWords, useOperation, type Begun } from './operations.ts'

type Props = Readonly<{ begun: Begun; onShow: () => void; onForget: () => void }>

/** A bulk operation whose dialog is closed, shown until its end is dismissed. */
export function BulkNotice({ begun, onShow, onForget }: Props) {
  const { data: operation, error } = useOperation(begun.id)
  const isUnknown = isFermataError(error, 'OPERATION_UNKNOWN')
  const forget = useEffectEvent(onForget)
  useEffect(() => {
    if (isUnknown) forget()
  }, [isUnknown])
  if (operation === undefined) return null
  return (
    <section className={styles.notice} aria-label={controlWords[begun.control].title}>
      <div className={styles.words} role="status">
        <strong>{controlWords[begun.control].name}:</strong> {outcomeWords(begun, operation)}
      </div>
      <div className={styles.bar}>
        <BulkBar done={doneOf(operation)} of={begun.of} />
      </div>
      {isUnderWay(operation) ? (
        <Button size="xs" variant="default" onClick={onShow}>
          {say.tasks.show}
        </Button>
      ) : (
        <ActionIcon variant="subtle" color="gray" aria-label={say.common.dismiss} onClick={onForget}>
          <Icon name="close" />
        </ActionIcon>
      )}
    </section>
  )
}
