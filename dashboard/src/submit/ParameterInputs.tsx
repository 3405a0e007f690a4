import { Textarea } from '@mantine/core'
import { Choice } from '../kit/Choice.tsx'
import { say } from '../language/say.ts'
import { FieldInputs } from './FieldInput.tsx'
import styles from './SubmitForm.module.css'
import type { ParameterState } from './useParameters.ts'

const views = [
  { value: 'fields', name: say.submit.fields },
  { value: 'json', name: 'JSON' },
] as const

const ofType = {
  label: say.common.parameters,
  description: say.submit.jsonHint,
  none: say.submit.thisTypeHasNoParameters,
}

type Props = Readonly<{
  of: ParameterState
  /** What is filled in: the parameters of a task, unless these words say something else. */
  words?: typeof ofType
}>

/** The parameters of a task as fields or JSON. */
export function ParameterInputs({ of: state, words = ofType }: Props) {
  return (
    <>
      {state.canShowFields && (
        <div className={styles.view}>
          <Choice
            label={say.submit.inputMode}
            value={state.isJson ? 'json' : 'fields'}
            onChange={(view) => state.showJson(view === 'json')}
            choices={views}
          />
        </div>
      )}
      {state.isJson ? (
        <Textarea
          label={words.label}
          description={words.description}
          name="json"
          autosize
          minRows={6}
          maxRows={28}
          spellCheck={false}
          classNames={{ input: styles.code ?? '' }}
          error={state.jsonFault}
          value={state.json}
          onChange={(event) => state.changeJson(event.currentTarget.value)}
        />
      ) : (
        <>
          {state.fields.length === 0 && <p className={styles.none}>{words.none}</p>}
          <FieldInputs
            fields={state.fields}
            entries={state.entries}
            faults={state.faults}
            change={state.change}
            changeAll={state.changeAll}
          />
        </>
      )}
    </>
  )
}
