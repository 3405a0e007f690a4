import { Alert, Button, Group, Stack } from '@mantine/core'
import type { ReactNode } from 'react'
import { controlWords } from '../controls/words.ts'
import type { Control } from '../data/shapes.ts'
import { Icon } from '../kit/Icon.tsx'
import { Sentence } from '../kit/Sentence.tsx'
import { say } from '../language/say.ts'
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
  const { name, effect, effects, icon, some } = controlWords[control]
  return (
    <Stack>
      {phase === 'asking' && (
        <>
          <p style={{ margin: 0 }} aria-live="polite">
            {count === null ? countingWords(soFar) : <Question control={control} count={count} />}
          </p>
          {count !== 0 && (
            <p style={{ margin: 0, color: 'var(--ink-soft)' }}>{count === 1 ? effect : effects}</p>
          )}
        </>
      )}
      <div role="status">{children}</div>
      {error !== null && (
        <Alert color="red" title={say.tasks.bulkActionFailed}>
          {error.message}
        </Alert>
      )}
      <Group justify="flex-end">
        {phase === 'working' && onStop !== undefined && (
          <Button variant="default" onClick={onStop}>
            {say.tasks.stop}
          </Button>
        )}
        <Button variant="default" onClick={onClose}>
          {phase !== 'asking' ? say.common.close : control === 'cancel' ? keepWords(count) : say.tasks.back}
        </Button>
        {phase === 'asking' && (
          <Button
            autoFocus
            color={control === 'cancel' ? 'red' : 'iris'}
            leftSection={<Icon name={icon} />}
            disabled={count === null || count === 0}
            onClick={onConfirm}
          >
            {count === null ? name : some(exactCount(count))}
          </Button>
        )}
      </Group>
    </Stack>
  )
}

function countingWords(soFar: number): string {
  return soFar === 0 ? say.tasks.counting : say.tasks.countingSoFar(soFar)
}

function keepWords(count: number | null): string {
  return count === 1 ? say.tasks.keepTask : say.tasks.keepTasks
}

type QuestionProps = Readonly<{ control: Control; count: number }>

function Question({ control, count }: QuestionProps) {
  const { none, ask } = controlWords[control]
  return count === 0 ? none : <Sentence of={ask(<strong>{exactCount(count)}</strong>, count)} />
}
