import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { client, isFermataError } from '../data/client.ts'
import type { TypeDetails } from '../../../src/client/index.ts'
import {
  entriesOf,
  Fault,
  keyOf,
  leavesOf,
  parametersIn,
  parametersOf,
  type Entries,
  type Faults,
  type Parameters,
} from './entries.ts'
import { placed } from './faults.ts'
import { noOptions, optionsOf, type OptionEntries } from './options.ts'
import { fieldsOf, type Field } from './schema.ts'

/** Initial values of the form: from the example, or from a task that is run again. */
export type Beginning = Readonly<{ parameters: Parameters; options: OptionEntries }>

const noFields: readonly Field[] = []

/** State of the submit form. `done` receives the id of the new task. */
export function useSubmitForm(type: TypeDetails, beginning: Beginning, done: (id: string) => void) {
  const [fields] = useState(() => fieldsOf(type.parameters))
  const [begun] = useState(() => (fields === null ? null : entriesOf(fields, beginning.parameters)))
  const [isJson, setIsJson] = useState(begun === null)
  const [entries, setEntries] = useState<Entries>(begun ?? {})
  const [json, setJson] = useState(() => JSON.stringify(beginning.parameters, null, 2))
  const [options, setOptions] = useState(beginning.options)
  const [refused, setRefused] = useState<Refused>(nothing)

  const submit = useMutation({
    mutationFn: (body: Body) => client.submitTask(type.type, body),
    onSuccess: ({ task_id: id }) => done(id),
    onError: (error) => setRefused(refusal(error, isJson ? [] : leavesOf(fields ?? noFields).map(keyOf))),
  })

  const read = () => (isJson || fields === null ? inJson(json) : parametersOf(fields, entries))

  return {
    canShowFields: fields !== null,
    fields: fields ?? noFields,
    isJson,
    entries,
    json,
    options,
    refused,
    isSending: submit.isPending,
    /** The request body. */
    body: () => ({ parameters: read().parameters, ...optionsOf(options).options }),

    change(key: string, entry: string | boolean) {
      setEntries((known) => ({ ...known, [key]: entry }))
      setRefused((known) => ({ ...known, parameters: without(known.parameters, key) }))
    },
    changeJson(text: string) {
      setJson(text)
      setRefused(nothing)
    },
    changeOption(name: keyof OptionEntries, text: string) {
      setOptions((known) => ({ ...known, [name]: text }))
      setRefused((known) => ({ ...known, options: without(known.options, name) }))
    },

    /** Switches the view and keeps the input, as far as the other view can represent it. */
    showJson(show: boolean) {
      if (show === isJson || fields === null) return
      const { parameters, faults } = read()
      if (show) {
        setJson(JSON.stringify(parameters, null, 2))
      } else {
        const same = Object.keys(faults).length === 0 ? entriesOf(fields, parameters) : null
        if (same === null) {
          setRefused({ ...nothing, head: ['The form fields cannot represent this JSON.'] })
          return
        }
        setEntries(same)
      }
      setIsJson(show)
      setRefused(nothing)
    },

    send() {
      const { parameters, faults } = read()
      const { options: own, faults: ofOptions } = optionsOf(options)
      const isFine = Object.keys(faults).length + Object.keys(ofOptions).length === 0
      setRefused({ ...nothing, parameters: faults, options: ofOptions })
      if (isFine && !submit.isPending) submit.mutate({ ...own, parameters })
    },
  }
}

type Body = Parameters & Readonly<{ parameters: Parameters }>

type Refused = Readonly<{ head: readonly string[]; parameters: Faults; options: Faults }>

const nothing: Refused = { head: [], parameters: {}, options: {} }

export const jsonKey = 'json'

function inJson(text: string): Readonly<{ parameters: Parameters; faults: Faults }> {
  const parameters = parametersIn(text)
  return parameters instanceof Fault
    ? { parameters: {}, faults: { [jsonKey]: parameters.message } }
    : { parameters, faults: {} }
}

function refusal(error: unknown, keys: readonly string[]): Refused {
  if (!isFermataError(error)) return { ...nothing, head: [String(error)] }
  if (error.errors.length === 0) return { ...nothing, head: [error.detail] }
  const ofOptions = error.code !== 'PARAMETERS_INVALID'
  const { at, others } = placed(error.errors, ofOptions ? Object.keys(noOptions) : keys)
  const head = others.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
  return ofOptions ? { head, parameters: {}, options: at } : { head, parameters: at, options: {} }
}

function without(faults: Faults, key: string): Faults {
  return Object.fromEntries(Object.entries(faults).filter(([known]) => known !== key))
}
