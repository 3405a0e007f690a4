import { ActionIcon, Button } from '@mantine/core'
import { Icon } from '../kit/Icon.tsx'
import { notices, useNotices } from '../kit/notices.ts'
import { say } from '../language/say.ts'
import styles from './NoticeList.module.css'

/** The notices that are shown now, the latest last. */
export function NoticeList() {
  const shown = useNotices()
  return (
    <div role="status" className={styles.list}>
      {shown.map(({ id, text, action }) => (
        <div key={id} className={styles.notice}>
          <span>{text}</span>
          {action !== undefined && (
            <Button
              size="compact-sm"
              variant="light"
              onClick={() => {
                notices.dismiss(id)
                action.run()
              }}
            >
              {action.name}
            </Button>
          )}
          <ActionIcon
            size="sm"
            variant="subtle"
            color="gray"
            aria-label={say.common.dismiss}
            onClick={() => notices.dismiss(id)}
          >
            <Icon name="close" size={14} />
          </ActionIcon>
        </div>
      ))}
    </div>
  )
}
