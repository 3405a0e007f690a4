import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { ScheduleDetails, TypeDetails } from '../../../src/client/index.ts'
import { refillable } from '../../../src/contract/sensitive.ts'
import { client, isFermataError } from '../data/client.ts'
import type { Faults, Parameters } from '../submit/entries.ts'
import { placed } from '../submit/faults.ts'
import { useParameters } from '../submit/useParameters.ts'
import { draftOf, hasHiddenCallback, scheduleKeys, type ScheduleEntries } from './draft.ts'

type Beginning = Readonly<{
  type: TypeDetails
  entries: ScheduleEntries
  /** The schedule that is edited. */
  schedule: ScheduleDetails | undefined
}>

/** State of the form of a schedule. `done` receives its id. */
export function useScheduleForm({ type, schedule, ...begun }: Beginning, done: (id: string) => void) {
  const queries = useQueryClient()
  const [first] = useState(() => {
    if (schedule?.type !== type.type) return { value: type.example, removed: false }
    return refillable(schedule.parameters, type.sensitive.parameters)
  })
  const parameters = useParameters(type, objectOf(first.value))
  const [entries, setEntries] = useState(begun.entries)
  const [refused, setRefused] = useState<Refused>({ head: [], at: {} })
  const draft = () => draftOf(type.type, parameters.read().parameters, entries, schedule)
  const save = useMutation({
    mutationFn: () =>
      schedule === undefined ? client.createSchedule(draft()) : client.replaceSchedule(schedule.id, draft()),
    onSuccess: ({ id }) => done(id),
    onError: (error) => {
      const { ofParameters, ...rest } = refusal(error, parameters.keys)
      parameters.refuse(ofParameters)
      setRefused(rest)
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['schedules'] }),
  })
  return {
    parameters,
    entries,
    refused,
    draft,
    /** Whether sensitive values must be entered again. */
    isMasked: first.removed || (schedule !== undefined && hasHiddenCallback(schedule)),
    isSending: save.isPending,
    change(changed: Partial<ScheduleEntries>) {
      setEntries((known) => ({ ...known, ...changed }))
      setRefused({ head: [], at: {} })
    },
    send() {
      const { faults } = parameters.read()
      parameters.refuse(faults)
      if (Object.keys(faults).length === 0 && !save.isPending) save.mutate()
    },
  }
}

type Refused = Readonly<{ head: readonly string[]; at: Faults }>

function refusal(error: unknown, keys: readonly string[]): Refused & Readonly<{ ofParameters: Faults }> {
  const none = { head: [], at: {}, ofParameters: {} }
  if (!isFermataError(error)) return { ...none, head: [String(error)] }
  if (error.errors.length === 0) return { ...none, head: [error.detail] }
  const isParameters = error.code === 'PARAMETERS_INVALID'
  const { at, others } = placed(error.errors, isParameters ? keys : scheduleKeys)
  const head = others.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
  return isParameters ? { ...none, head, ofParameters: at } : { ...none, head, at }
}

function objectOf(value: unknown): Parameters {
  return typeof value === 'object' && value !== null ? (value as Parameters) : {}
}
