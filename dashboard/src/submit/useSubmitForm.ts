import { useMutation } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { client, isFermataError } from '../data/client.ts'
import type { TypeDetails } from '../../../src/client/index.ts'
import { dropDraft, readDraft, writeDraft } from './drafts.ts'
import type { Faults, Parameters } from './entries.ts'
import { placed } from './faults.ts'
import { noOptions, optionsOf, type OptionEntries } from './options.ts'
import { useParameters, without } from './useParameters.ts'

/** Initial values of the form: from the example, or from a task that is run again. */
export type Beginning = Readonly<{
  parameters: Parameters
  options: OptionEntries
  /** The task whose values these are; null for the example. */
  from: string | null
}>

/** State of the submit form. `done` receives the id of the new task. */
export function useSubmitForm(type: TypeDetails, beginning: Beginning, done: (id: string) => void) {
  const { from } = beginning
  const [draft] = useState(() => readDraft(type.type, from))
  const parameters = useParameters(type, beginning.parameters, draft)
  const [options, setOptions] = useState(draft?.options ?? beginning.options)
  const [isChanged, setChanged] = useState(false)
  const { entries, json, isJson, fields, isTouched } = parameters
  useEffect(() => {
    if (isChanged || isTouched) writeDraft(type, from, fields, { entries, json, isJson, options })
  }, [isChanged, isTouched, type, from, fields, entries, json, isJson, options])
  const [refused, setRefused] = useState<Refused>(nothing)

  const submit = useMutation({
    mutationFn: (body: Body) => client.submitTask(type.type, body),
    onSuccess: ({ task_id: id }) => {
      dropDraft(type.type, from)
      done(id)
    },
    onError: (error) => {
      const { parameters: faults, ...rest } = refusal(error, parameters.keys)
      parameters.refuse(faults)
      setRefused(rest)
    },
  })

  return {
    parameters,
    options,
    refused,
    isSending: submit.isPending,
    /** Whether the form continues with what was typed earlier. */
    isDraft: draft !== null,
    /** From now on, what is typed is kept. */
    keep: () => setChanged(true),
    /** The request body. */
    body: () => ({ parameters: parameters.read().parameters, ...optionsOf(options).options }),

    changeOption(name: keyof OptionEntries, text: string) {
      setOptions((known) => ({ ...known, [name]: text }))
      setRefused((known) => ({ ...known, options: without(known.options, name) }))
    },

    send() {
      const { parameters: values, faults } = parameters.read()
      const { options: own, faults: ofOptions } = optionsOf(options)
      const isFine = Object.keys(faults).length + Object.keys(ofOptions).length === 0
      parameters.refuse(faults)
      setRefused({ head: [], options: ofOptions })
      if (isFine && !submit.isPending) submit.mutate({ ...own, parameters: values })
    },
  }
}

type Body = Parameters & Readonly<{ parameters: Parameters }>

type Refused = Readonly<{ head: readonly string[]; options: Faults }>

const nothing: Refused = { head: [], options: {} }

function refusal(error: unknown, keys: readonly string[]): Refused & Readonly<{ parameters: Faults }> {
  const none = { ...nothing, parameters: {} }
  if (!isFermataError(error)) return { ...none, head: [String(error)] }
  if (error.errors.length === 0) return { ...none, head: [error.detail] }
  const ofOptions = error.code !== 'PARAMETERS_INVALID'
  const { at, others } = placed(error.errors, ofOptions ? Object.keys(noOptions) : keys)
  const head = others.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
  return ofOptions ? { head, parameters: {}, options: at } : { head, parameters: at, options: {} }
}
