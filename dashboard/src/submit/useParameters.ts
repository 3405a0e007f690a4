import { useState } from 'react'
import type { TypeDetails } from '../../../src/client/index.ts'
import { say } from '../language/say.ts'
import {
  entriesOf,
  Fault,
  placesOf,
  parametersIn,
  parametersOf,
  type Entries,
  type Faults,
  type Parameters,
} from './entries.ts'
import { fieldsOf, type Field } from './schema.ts'

const noFields: readonly Field[] = []

/** Where an error about the whole JSON text is shown. */
const jsonKey = 'json'

/** State of the inputs for the parameters of a type, or for anything else that a schema describes: fields or JSON. */
export function useParameters(
  type: Pick<TypeDetails, 'parameters'>,
  beginning: Parameters,
  draft?: ParameterDraft | null,
) {
  const [fields] = useState(() => fieldsOf(type.parameters))
  const [begun] = useState(() => (fields === null ? null : entriesOf(fields, beginning)))
  const [isJson, setIsJson] = useState(begun === null || draft?.isJson === true)
  const [entries, setEntries] = useState<Entries>(draft?.entries ?? begun ?? {})
  const [json, setJson] = useState(() =>
    draft?.isJson === true ? draft.json : JSON.stringify(beginning, null, 2),
  )
  const [faults, setFaults] = useState<Faults>({})
  const [isTouched, setTouched] = useState(false)

  const read = () => (isJson || fields === null ? inJson(json) : parametersOf(fields, entries))

  return {
    canShowFields: fields !== null,
    fields: fields ?? noFields,
    isJson,
    /** Whether anything was entered, also with a button. */
    isTouched,
    entries,
    json,
    faults,
    jsonFault: faults[jsonKey],
    /** The paths at which errors can be shown. */
    keys: isJson ? [] : placesOf(fields ?? noFields, entries),
    read,
    refuse: setFaults,

    change(key: string, entry: string | boolean) {
      setTouched(true)
      setEntries((known) => ({ ...known, [key]: entry }))
      setFaults((known) => without(known, key))
    },
    /** Replaces all entries: a row is gone. */
    changeAll(next: Entries) {
      setTouched(true)
      setEntries(next)
      setFaults({})
    },
    changeJson(text: string) {
      setJson(text)
      setFaults({})
    },

    /** Switches the view and keeps the input, as far as the other view can represent it. */
    showJson(show: boolean) {
      if (show === isJson || fields === null) return
      const { parameters, faults: found } = read()
      if (show) {
        setJson(JSON.stringify(parameters, null, 2))
      } else {
        const same = Object.keys(found).length === 0 ? entriesOf(fields, parameters) : null
        if (same === null) {
          setFaults({ [jsonKey]: say.submit.notInFields })
          return
        }
        setEntries(same)
      }
      setIsJson(show)
      setFaults({})
    },
  }
}

/** Input to begin with instead. */
export type ParameterDraft = Readonly<{ entries: Entries; json: string; isJson: boolean }>

export type ParameterState = ReturnType<typeof useParameters>

function inJson(text: string): Readonly<{ parameters: Parameters; faults: Faults }> {
  const parameters = parametersIn(text)
  return parameters instanceof Fault
    ? { parameters: {}, faults: { [jsonKey]: parameters.message } }
    : { parameters, faults: {} }
}

export function without(faults: Faults, key: string): Faults {
  return Object.fromEntries(Object.entries(faults).filter(([known]) => known !== key))
}
