import { Kbd, Modal } from '@mantine/core'
import { shortcuts } from './shortcuts.ts'
import styles from './ShortcutHelp.module.css'

export function ShortcutHelp({ opened, onClose }: Readonly<{ opened: boolean; onClose: () => void }>) {
  return (
    <Modal opened={opened} onClose={onClose} title="Keys" size="md">
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
    </Modal>
  )
}
