import { Alert, Button } from '@mantine/core'
import { useEffect, useRef, type ReactNode } from 'react'
import { useLocation } from 'wouter'
import type { TypeDetails } from '../../../src/client/index.ts'
import { hidden } from '../../../src/contract/sensitive.ts'
import { Card } from '../kit/Card.tsx'
import { Icon } from '../kit/Icon.tsx'
import { say } from '../language/say.ts'
import { CallCard } from './CallCard.tsx'
import { dropDraft } from './drafts.ts'
import { OptionInputs } from './OptionInputs.tsx'
import { noOptions } from './options.ts'
import { ParameterInputs } from './ParameterInputs.tsx'
import styles from './SubmitForm.module.css'
import { useSubmitForm, type Beginning } from './useSubmitForm.ts'

type Props = Readonly<{
  type: TypeDetails
  beginning: Beginning
  head: ReactNode
  /** Resets the form and discards the draft. */
  onStartOver: () => void
}>

/** Parameters as fields or JSON, and folded options. Opens the new task after the submit. */
export function SubmitForm({ type, beginning, head, onStartOver }: Props) {
  const [, navigate] = useLocation()
  const form = useSubmitForm(type, beginning, (id) => navigate(`/tasks/${encodeURIComponent(id)}`))
  const { refused, options } = form
  const { faults } = form.parameters
  const element = useRef<HTMLFormElement>(null)
  const hasFaults = [refused.head, faults, refused.options].some((part) => Object.keys(part).length > 0)
  const openOptions = Object.entries(options).some(
    ([name, text]) => text !== noOptions[name as keyof typeof options],
  )

  useEffect(() => {
    if (!hasFaults) return
    element.current?.querySelector<HTMLElement>('[aria-invalid="true"], [role="alert"]')?.focus()
  }, [hasFaults, faults, refused])

  return (
    <div className={styles.columns}>
      <Card>
        <form
          ref={element}
          className={styles.form}
          noValidate
          aria-label={say.submit.parametersOf(type.type)}
          onSubmit={(event) => {
            event.preventDefault()
            form.send()
          }}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.send()
          }}
        >
          {head}
          {form.isDraft && (
            <p className={styles.draft} role="status">
              {say.submit.continuesYourDraft}{' '}
              <Button
                size="compact-sm"
                variant="subtle"
                onClick={() => {
                  dropDraft(type.type, beginning.from)
                  onStartOver()
                }}
              >
                {say.submit.startOver}
              </Button>
            </p>
          )}
          {refused.head.length > 0 && (
            <Alert color="red" title={say.common.notSubmitted} icon={<Icon name="warning" />} tabIndex={-1}>
              {refused.head.map((line) => (
                <p key={line} className={styles.line}>
                  {line}
                </p>
              ))}
            </Alert>
          )}
          <div className={styles.inputs} onChange={form.keep}>
            <ParameterInputs of={form.parameters} />
            <details
              className={styles.fold}
              open={openOptions || Object.keys(refused.options).length > 0 || undefined}
            >
              <summary>{say.submit.options}</summary>
              <OptionInputs
                type={type}
                entries={options}
                faults={refused.options}
                change={form.changeOption}
              />
            </details>
          </div>
          <div className={styles.end}>
            <Button type="submit" loading={form.isSending} leftSection={<Icon name="send" />}>
              {say.common.submit}
            </Button>
            <span className={styles.keys}>{say.submit.orCtrlEnter}</span>
          </div>
        </form>
      </Card>
      <CallCard type={type.type} body={shownBody(type, form.body())} />
    </div>
  )
}

/** The body with masks in place of sensitive values. */
function shownBody({ sensitive }: TypeDetails, { parameters, ...options }: ReturnType<Form['body']>): object {
  return { parameters: hidden(parameters, sensitive.parameters), ...options }
}

type Form = ReturnType<typeof useSubmitForm>
