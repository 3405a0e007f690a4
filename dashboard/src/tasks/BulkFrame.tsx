import { Alert, Button, Group, Stack } from '@mantine/core'
import type { ReactNode } from 'react'
import { controlWords } from '../controls/words.ts'
import type { Control } from '../data/shapes.ts'
import { Icon } from '../kit/Icon.tsx'
import { exactCount } from '../time/words.ts'

type Props = Readonly<{
  control: Control
  /** How many tasks are meant; null while they are counted. */
  count: number | null
  /** How many were counted meanwhile. */
  soFar?: number
  phase: 'asking' | 'working' | 'done'
  error: Error | null
  /** How far it is, or what came of it. */
  children?: ReactNode
  onConfirm: () => void
  onClose: () => void
  onStop?: (() => void) | undefined
}>

/** The question, the way, and what came of it: the same for some rows and for all that match. */
export function BulkFrame({
  control,
  count,
  soFar = 0,
  phase,
  error,
  children,
  onConfirm,
  onClose,
  onStop,
}: Props) {
  const { name, effect, icon } = controlWords[control]
  return (
    <Stack>
      {phase === 'asking' && (
        <>
          <p style={{ margin: 0 }} aria-live="polite">
            {count === null ? countingWords(soFar) : <Question name={name} count={count} />}
          </p>
          {count !== 0 && <p style={{ margin: 0, color: 'var(--ink-soft)' }}>{effect}</p>}
        </>
      )}
      <div role="status">{children}</div>
      {error !== null && (
        <Alert color="red" title="It did not work">
          {error.message}
        </Alert>
      )}
      <Group justify="flex-end">
        {phase === 'working' && onStop !== undefined && (
          <Button variant="default" onClick={onStop}>
            Stop here
          </Button>
        )}
        <Button variant="default" onClick={onClose}>
          {phase === 'asking' ? 'Leave them alone' : 'Close'}
        </Button>
        {phase === 'asking' && (
          <Button
            autoFocus
            color={control === 'cancel' ? 'red' : 'iris'}
            leftSection={<Icon name={icon} />}
            disabled={count === null || count === 0}
            onClick={onConfirm}
          >
            {name} {count === null ? '' : exactCount(count)}
          </Button>
        )}
      </Group>
    </Stack>
  )
}

function countingWords(soFar: number): string {
  return soFar === 0 ? 'Counting…' : `Counting… ${exactCount(soFar)} so far`
}

function Question({ name, count }: Readonly<{ name: string; count: number }>) {
  if (count === 0) return `No task that matches can take it: there is nothing to ${name.toLowerCase()}.`
  return (
    <>
      {name} <strong>{exactCount(count)}</strong> {count === 1 ? 'task' : 'tasks'}?
    </>
  )
}
