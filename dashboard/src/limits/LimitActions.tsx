import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useLocation } from 'wouter'
import type { LimitDetails } from '../../../src/client/index.ts'
import { useCan } from '../access/me.ts'
import { client } from '../data/client.ts'
import { actionLook, Actions, DeleteButton } from '../kit/Entries.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { say } from '../language/say.ts'

/** What callers who may control tasks can do to a limit. */
export function LimitActions({ of: limit }: Readonly<{ of: LimitDetails }>) {
  return useCan('control') ? <All of={limit} /> : null
}

function All({ of: { name, origin } }: Readonly<{ of: LimitDetails }>) {
  const queries = useQueryClient()
  const [, navigate] = useLocation()
  const remove = useMutation({
    mutationFn: () => client.deleteLimit(name),
    onSuccess: () => navigate('/limits'),
    onSettled: () => queries.invalidateQueries({ queryKey: ['limits'] }),
  })
  const effect = origin === 'api' ? say.limits.deletesSetByHand : say.limits.deletesDeclared
  return (
    <Actions error={remove.error}>
      <LinkButton
        {...actionLook}
        to={`/limits/${encodeURIComponent(name)}?edit`}
        aria-label={say.limits.changeOne(name)}
      >
        {say.limits.change}
      </LinkButton>
      <DeleteButton
        what={say.limits.limitToDelete}
        label={say.common.deleteOne(name)}
        effect={effect}
        isBusy={remove.isPending}
        onDelete={() => remove.mutate()}
      />
    </Actions>
  )
}
