import { Alert, Button } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { TaskWait } from '../../../src/client/index.ts'
import { client, isFermataError } from '../data/client.ts'
import { Icon } from '../kit/Icon.tsx'
import { say } from '../language/say.ts'
import { ParameterInputs } from '../submit/ParameterInputs.tsx'
import { useParameters } from '../submit/useParameters.ts'
import { refusalOf, shapeOf } from './answer.ts'
import styles from './Waits.module.css'

const words = {
  label: say.waits.answer,
  description: say.waits.jsonHint,
  none: say.waits.needsNoDetails,
}

/** Answers an open wait, with a form from its schema. */
export function AnswerForm({ of: wait }: Readonly<{ of: TaskWait & Readonly<{ token: string }> }>) {
  const { token, name } = wait
  const queries = useQueryClient()
  const [shape] = useState(() => shapeOf(wait.schema))
  const form = useParameters({ parameters: shape.schema }, {})
  const [refused, setRefused] = useState<readonly string[]>([])
  const answer = useMutation({
    mutationFn: (value: unknown) => client.answerWait(token, value),
    onError: (error) => {
      if (!isFermataError(error)) {
        setRefused([String(error)])
        return
      }
      const { at, head } = refusalOf(error, shape, form.keys)
      form.refuse(at)
      setRefused(head)
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['waits'] }),
  })
  const send = () => {
    const { parameters, faults } = form.read()
    form.refuse(faults)
    setRefused([])
    if (Object.keys(faults).length === 0 && !answer.isPending) answer.mutate(shape.answerOf(parameters))
  }
  return (
    <form
      className={styles.form}
      noValidate
      aria-label={say.waits.answerTo(name)}
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      {refused.length > 0 && (
        <Alert color="red" title={say.waits.notAnswered} icon={<Icon name="warning" />}>
          {refused.map((line) => (
            <p key={line} className={styles.line}>
              {line}
            </p>
          ))}
        </Alert>
      )}
      <ParameterInputs of={form} words={words} />
      <div>
        <Button type="submit" size="xs" loading={answer.isPending || answer.isSuccess}>
          {say.waits.sendAnswer}
        </Button>
      </div>
    </form>
  )
}
