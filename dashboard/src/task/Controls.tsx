import { Alert, Button } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useCan } from '../access/me.ts'
import { send } from '../controls/send.ts'
import { controlWords, effectOn } from '../controls/words.ts'
import type { Control, TaskDetails } from '../data/shapes.ts'
import { statusName } from '../data/statuses.ts'
import { Icon } from '../kit/Icon.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { notices } from '../kit/notices.ts'
import { say } from '../language/say.ts'
import { isTerminal } from '../live/patch.ts'
import { WatchButton } from '../notify/WatchButton.tsx'
import { CancelButton } from './CancelButton.tsx'
import styles from './Controls.module.css'

/** The controls that the task accepts, according to the server. A text below says what a click will do. */
export function Controls({ task }: Readonly<{ task: TaskDetails }>) {
  const { task_id: id, task_type: type } = task
  const canRun = useCan('run')
  const controls = useCan('control') ? task.controls : []
  const cache = useQueryClient()
  const { mutate, isPending, variables, error } = useMutation({
    mutationFn: (control: Control) => send(control, id),
    onSuccess: (status, control) => {
      if (control !== 'pause') return
      notices.show({
        text: `${type} …${id.slice(-8)} ${statusName(status)}`,
        action: { name: say.common.undo, run: () => mutate('resume') },
      })
    },
    onSettled: () => cache.invalidateQueries({ queryKey: ['task', id] }),
  })
  const [main, ...others] = controls.toSorted((a, b) => order.indexOf(a) - order.indexOf(b))
  const isBusy = (control: Control) => isPending && variables === control
  return (
    <div className={styles.controls}>
      <div className={styles.buttons}>
        {main !== undefined && main !== 'cancel' && (
          <Button
            leftSection={<Icon name={controlWords[main].icon} />}
            loading={isBusy(main)}
            aria-describedby="effect"
            onClick={() => mutate(main)}
          >
            {controlWords[main].name}
          </Button>
        )}
        {controls.includes('cancel') && (
          <CancelButton
            effect={effectOn('cancel', task)}
            isBusy={isBusy('cancel')}
            onCancel={() => mutate('cancel')}
          />
        )}
        {others
          .filter((control) => control !== 'cancel')
          .map((control) => (
            <Button
              key={control}
              variant="default"
              leftSection={<Icon name={controlWords[control].icon} />}
              loading={isBusy(control)}
              title={effectOn(control, task)}
              onClick={() => mutate(control)}
            >
              {controlWords[control].name}
            </Button>
          ))}
        {!isTerminal(task.status) && <WatchButton task={{ id, type }} />}
        {canRun && (
          <LinkButton
            to={`/submit/${encodeURIComponent(type)}?from=${encodeURIComponent(id)}`}
            variant="default"
            leftSection={<Icon name="send" />}
          >
            {say.task.runAgainWithChanges}
          </LinkButton>
        )}
      </div>
      {main !== undefined && main !== 'cancel' && (
        <p id="effect" className={styles.effect}>
          <strong>{controlWords[main].name}:</strong> {effectOn(main, task)}
        </p>
      )}
      {error !== null && (
        <Alert color="red" title={say.task.refused} role="alert">
          {error.message}
        </Alert>
      )}
    </div>
  )
}

/** Most likely first. */
const order: readonly Control[] = ['resume', 'pause', 'retry', 'cancel']
