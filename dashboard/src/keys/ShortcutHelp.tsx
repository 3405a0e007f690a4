import { Kbd } from '@mantine/core'
import { Dialog } from '../kit/Dialog.tsx'
import { say } from '../language/say.ts'
import { shortcuts } from './shortcuts.ts'
import styles from './ShortcutHelp.module.css'

export function ShortcutHelp({ isOpen, onClose }: Readonly<{ isOpen: boolean; onClose: () => void }>) {
  return (
    <Dialog isOpen={isOpen} onClose={onClose} title={say.common.keyboardShortcuts}>
      {Object.entries(shortcuts).map(([group, entries]) => (
        <section key={group} className={styles.group}>
          <h3>{group}</h3>
          <dl>
            {entries.map(({ keys, what }) => (
              <div key={what} className={styles.entry}>
                <dt>{what}</dt>
                <dd>
                  {keys.map((key) => (
                    <Kbd key={key}>{key}</Kbd>
                  ))}
                </dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </Dialog>
  )
}
