import { Button } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useMe } from '../access/me.ts'
import { allows } from '../access/rights.ts'
import { client } from '../data/client.ts'
import { Icon } from '../kit/Icon.tsx'
import { notices } from '../kit/notices.ts'
import { say } from '../language/say.ts'

/** Holds or releases a type. The tooltip says what a click will do. */
export function HoldButton({ type, held }: Readonly<{ type: string; held: boolean }>) {
  const queries = useQueryClient()
  const me = useMe()
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => (held ? client.releaseType(type) : client.holdType(type)),
    onSuccess: () => {
      if (held) return
      notices.show({
        text: say.types.heldNow(type),
        action: {
          name: say.common.undo,
          run: () => void client.releaseType(type).then(() => queries.invalidateQueries()),
        },
      })
    },
    onSettled: () => queries.invalidateQueries(),
  })
  const effect = held ? say.types.releaseHint : say.types.holdHint
  // A hold stops tasks of all callers.
  if (me !== undefined && (!allows(me, 'control') || me.tags !== null)) return null
  return (
    <Button
      size="xs"
      variant={held ? 'filled' : 'default'}
      {...(error === null ? {} : { color: 'red' })}
      loading={isPending}
      leftSection={<Icon name={held ? 'play' : 'pause'} size={14} />}
      title={
        error === null
          ? effect
          : held
            ? say.types.releaseFailed(error.message)
            : say.types.holdFailed(error.message)
      }
      aria-label={held ? say.types.releaseType(type) : say.types.holdType(type)}
      onClick={() => mutate()}
    >
      {held ? say.common.release : say.common.hold}
    </Button>
  )
}
