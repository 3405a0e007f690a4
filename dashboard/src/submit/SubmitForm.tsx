import { Alert, Button, Textarea } from '@mantine/core'
import { useEffect, useRef, type ReactNode } from 'react'
import { useLocation } from 'wouter'
import type { TypeDetails } from '../../../src/client/index.ts'
import { hidden } from '../../../src/contract/sensitive.ts'
import { Card } from '../kit/Card.tsx'
import { Choice } from '../kit/Choice.tsx'
import { Icon } from '../kit/Icon.tsx'
import { CallCard } from './CallCard.tsx'
import { FieldInputs } from './FieldInput.tsx'
import { OptionInputs } from './OptionInputs.tsx'
import { noOptions } from './options.ts'
import styles from './SubmitForm.module.css'
import { jsonKey, useSubmitForm, type Beginning } from './useSubmitForm.ts'

const views = [
  { value: 'fields', name: 'Fields' },
  { value: 'json', name: 'JSON' },
] as const

type Props = Readonly<{ type: TypeDetails; beginning: Beginning; head: ReactNode }>

/** Parameters as fields or JSON, and folded options. Opens the new task after the submit. */
export function SubmitForm({ type, beginning, head }: Props) {
  const [, navigate] = useLocation()
  const form = useSubmitForm(type, beginning, (id) => navigate(`/tasks/${encodeURIComponent(id)}`))
  const { refused, options } = form
  const element = useRef<HTMLFormElement>(null)
  const hasFaults = [refused.head, refused.parameters, refused.options].some(
    (part) => Object.keys(part).length > 0,
  )
  const openOptions = Object.entries(options).some(
    ([name, text]) => text !== noOptions[name as keyof typeof options],
  )

  useEffect(() => {
    if (!hasFaults) return
    element.current?.querySelector<HTMLElement>('[aria-invalid="true"], [role="alert"]')?.focus()
  }, [hasFaults, refused])

  return (
    <div className={styles.columns}>
      <Card>
        <form
          ref={element}
          className={styles.form}
          noValidate
          aria-label={`Parameters of ${type.type}`}
          onSubmit={(event) => {
            event.preventDefault()
            form.send()
          }}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.send()
          }}
        >
          {head}
          {refused.head.length > 0 && (
            <Alert color="red" title="Not submitted" icon={<Icon name="warning" />} tabIndex={-1}>
              {refused.head.map((line) => (
                <p key={line} className={styles.line}>
                  {line}
                </p>
              ))}
            </Alert>
          )}
          {form.canShowFields && (
            <div className={styles.view}>
              <Choice
                label="Input mode"
                value={form.isJson ? 'json' : 'fields'}
                onChange={(view) => form.showJson(view === 'json')}
                choices={views}
              />
            </div>
          )}
          {form.isJson ? (
            <Textarea
              label="Parameters"
              description="JSON that matches the schema of the type"
              name="json"
              autosize
              minRows={6}
              maxRows={28}
              spellCheck={false}
              classNames={{ input: styles.code ?? '' }}
              error={refused.parameters[jsonKey]}
              value={form.json}
              onChange={(event) => form.changeJson(event.currentTarget.value)}
            />
          ) : (
            <>
              {form.fields.length === 0 && <p className={styles.none}>This type has no parameters</p>}
              <FieldInputs
                fields={form.fields}
                entries={form.entries}
                faults={refused.parameters}
                change={form.change}
              />
            </>
          )}
          <details
            className={styles.fold}
            open={openOptions || Object.keys(refused.options).length > 0 || undefined}
          >
            <summary>Options</summary>
            <OptionInputs type={type} entries={options} faults={refused.options} change={form.changeOption} />
          </details>
          <div className={styles.end}>
            <Button type="submit" loading={form.isSending} leftSection={<Icon name="send" />}>
              Submit
            </Button>
            <span className={styles.keys}>or Ctrl+Enter in any field</span>
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
