import { Alert, Button, Group, Stack } from '@mantine/core'
import type { ReactNode } from 'react'
import { controlWords } from '../controls/words.ts'
import type { Control } from '../data/shapes.ts'
import { Icon } from '../kit/Icon.tsx'
import { exactCount } from '../time/words.ts'

type Props = Readonly<{
  control: Control
  /** Number of tasks; null while they are counted. */
  count: number | null
  /** Number counted so far. */
  soFar?: number
  phase: 'asking' | 'working' | 'done'
  error: Error | null
  /** Progress or outcome. */
  children?: ReactNode
  onConfirm: () => void
  onClose: () => void
  onStop?: (() => void) | undefined
}>

/** The question, the progress and the outcome: the same for selected rows and for all matching tasks. */
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
  const { name, effect, effects, participle, icon } = controlWords[control]
  return (
    <Stack>
      {phase === 'asking' && (
        <>
          <p style={{ margin: 0 }} aria-live="polite">
            {count === null ? (
              countingWords(soFar)
            ) : (
              <Question name={name} participle={participle} count={count} />
            )}
          </p>
          {count !== 0 && (
            <p style={{ margin: 0, color: 'var(--ink-soft)' }}>{count === 1 ? effect : effects}</p>
          )}
        </>
      )}
      <div role="status">{children}</div>
      {error !== null && (
        <Alert color="red" title="Bulk action failed">
          {error.message}
        </Alert>
      )}
      <Group justify="flex-end">
        {phase === 'working' && onStop !== undefined && (
          <Button variant="default" onClick={onStop}>
            Stop
          </Button>
        )}
        <Button variant="default" onClick={onClose}>
          {phase !== 'asking' ? 'Close' : control === 'cancel' ? keepWords(count) : 'Back'}
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

function keepWords(count: number | null): string {
  return count === 1 ? 'Keep task' : 'Keep tasks'
}

type QuestionProps = Readonly<{ name: string; participle: string; count: number }>

function Question({ name, participle, count }: QuestionProps) {
  if (count === 0) return `No matching task can be ${participle}.`
  return (
    <>
      {name} <strong>{exactCount(count)}</strong> {count === 1 ? 'task' : 'tasks'}?
    </>
  )
}
