import { Button, Popover, TextInput } from '@mantine/core'
import { useState, type FormEvent } from 'react'
import { Icon } from '../kit/Icon.tsx'
import { say } from '../language/say.ts'
import styles from './SaveView.module.css'
import { useViews } from './views.ts'

/** Gives the filters of the task list a name under which the sidebar and the palette offer them. */
export function SaveView({ search }: Readonly<{ search: string }>) {
  const { save } = useViews()
  const [isOpen, setOpen] = useState(false)
  const [name, setName] = useState('')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    save({ name: name.trim(), search })
    setName('')
    setOpen(false)
  }
  return (
    <Popover opened={isOpen} onChange={setOpen} position="bottom-end" shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <Button
          variant="subtle"
          color="gray"
          leftSection={<Icon name="bookmark" size={14} />}
          onClick={() => setOpen(!isOpen)}
        >
          {say.common.saveView}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={say.common.saveView}>
        <form className={styles.form} onSubmit={submit}>
          <TextInput
            label={say.common.name}
            description={say.views.keptInThisBrowser}
            data-autofocus
            maxLength={40}
            autoComplete="off"
            value={name}
            onChange={({ currentTarget }) => setName(currentTarget.value)}
          />
          <Button type="submit" size="xs" disabled={name.trim() === ''}>
            {say.views.save}
          </Button>
        </form>
      </Popover.Dropdown>
    </Popover>
  )
}
