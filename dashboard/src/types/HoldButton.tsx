import { Button } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { client } from '../data/client.ts'
import { Icon } from '../kit/Icon.tsx'

/** Holds a type, or lifts its hold; what that does is said before the click. */
export function HoldButton({ type, held }: Readonly<{ type: string; held: boolean }>) {
  const queries = useQueryClient()
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => (held ? client.releaseType(type) : client.holdType(type)),
    onSettled: () => queries.invalidateQueries(),
  })
  const effect = held
    ? 'Its tasks start again, in their order'
    : 'Nothing of it starts any more, on any node and after restarts too; what runs goes on'
  return (
    <Button
      size="xs"
      variant={held ? 'filled' : 'default'}
      {...(error === null ? {} : { color: 'red' })}
      loading={isPending}
      leftSection={<Icon name={held ? 'play' : 'pause'} size={14} />}
      title={error === null ? effect : `It did not work: ${error.message}`}
      aria-label={held ? `Release ${type}` : `Hold ${type}`}
      onClick={() => mutate()}
    >
      {held ? 'Release' : 'Hold'}
    </Button>
  )
}
