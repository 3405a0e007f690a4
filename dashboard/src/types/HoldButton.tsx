import { Button } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useMe } from '../access/me.ts'
import { allows } from '../access/rights.ts'
import { client } from '../data/client.ts'
import { Icon } from '../kit/Icon.tsx'
import { notices } from '../kit/notices.ts'

/** Holds or releases a type. The tooltip says what a click will do. */
export function HoldButton({ type, held }: Readonly<{ type: string; held: boolean }>) {
  const queries = useQueryClient()
  const me = useMe()
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => (held ? client.releaseType(type) : client.holdType(type)),
    onSuccess: () => {
      if (held) return
      notices.show({
        text: `${type} held`,
        action: {
          name: 'Undo',
          run: () => void client.releaseType(type).then(() => queries.invalidateQueries()),
        },
      })
    },
    onSettled: () => queries.invalidateQueries(),
  })
  const effect = held
    ? 'Tasks of this type start again, in queue order'
    : 'Stops starting tasks of this type on all nodes, even after restarts; running tasks continue'
  // A hold stops tasks of all callers.
  if (me !== undefined && (!allows(me, 'control') || me.tags !== null)) return null
  return (
    <Button
      size="xs"
      variant={held ? 'filled' : 'default'}
      {...(error === null ? {} : { color: 'red' })}
      loading={isPending}
      leftSection={<Icon name={held ? 'play' : 'pause'} size={14} />}
      title={error === null ? effect : `${held ? 'Release' : 'Hold'} failed: ${error.message}`}
      aria-label={held ? `Release ${type}` : `Hold ${type}`}
      onClick={() => mutate()}
    >
      {held ? 'Release' : 'Hold'}
    </Button>
  )
}
