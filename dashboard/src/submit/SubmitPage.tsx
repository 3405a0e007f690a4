import { Alert, NativeSelect, Skeleton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState, type ComponentProps, type ReactNode } from 'react'
import { useLocation, useSearchParams } from 'wouter'
import { reads } from '../data/reads.ts'
import type { TypeDetails } from '../../../src/client/index.ts'
import { refillable } from '../../../src/contract/sensitive.ts'
import { EmptyState } from '../kit/EmptyState.tsx'
import { ErrorState } from '../kit/ErrorState.tsx'
import { Icon } from '../kit/Icon.tsx'
import { Page } from '../kit/Page.tsx'
import { Sentence } from '../kit/Sentence.tsx'
import { TaskLink } from '../kit/TaskLink.tsx'
import { say } from '../language/say.ts'
import type { Parameters } from './entries.ts'
import { entriesOfTask, noOptions } from './options.ts'
import { SubmitForm } from './SubmitForm.tsx'
import styles from './SubmitPage.module.css'

/** The submit form of a type; `?from=` names a task whose values fill it in. */
export function SubmitPage({ type: wanted }: Readonly<{ type: string | undefined }>) {
  const { data, error, refetch } = useQuery(reads.types())
  const [search] = useSearchParams()
  const from = search.get('from')
  const name = wanted ?? data?.available_tasks[0]
  const type = name === undefined ? undefined : data?.task_details[name]

  const content = () => {
    if (data === undefined) {
      return error === null ? (
        <Skeleton height={320} radius="md" />
      ) : (
        <ErrorState error={error} retry={() => void refetch()} />
      )
    }
    const choice = <TypeChoice names={data.available_tasks} type={type} />
    if (type === undefined) {
      return (
        <EmptyState
          icon="shapes"
          title={wanted === undefined ? say.common.noTaskTypes : say.submit.noTaskType(wanted)}
        >
          <p>{say.common.startWithTypes}</p>
          {data.available_tasks.length > 0 && choice}
        </EmptyState>
      )
    }
    if (from !== null) return <FromTask key={from} id={from} type={type} head={choice} />
    const beginning = { parameters: parametersOf(type.example), options: noOptions, from: null }
    return <FreshForm key={type.type} type={type} beginning={beginning} head={choice} />
  }

  return <Page title={say.common.submitTask}>{content()}</Page>
}

/** The form; another one once the reader starts over. */
function FreshForm(props: Omit<ComponentProps<typeof SubmitForm>, 'onStartOver'>) {
  const [turn, setTurn] = useState(0)
  return <SubmitForm key={turn} {...props} onStartOver={() => setTurn(turn + 1)} />
}

function TypeChoice({ names, type }: Readonly<{ names: readonly string[]; type: TypeDetails | undefined }>) {
  const [, navigate] = useLocation()
  return (
    <>
      <NativeSelect
        label={say.common.type}
        description={type?.description}
        value={type?.type ?? ''}
        onChange={(event) => navigate(`/submit/${encodeURIComponent(event.currentTarget.value)}`)}
        data={type === undefined ? ['', ...names] : [...names]}
      />
      {type?.held === true && (
        <Alert color="yellow" title={say.submit.thisTypeIsHeld} icon={<Icon name="pause" />}>
          {say.submit.heldMeans}
        </Alert>
      )}
    </>
  )
}

type FromTaskProps = Readonly<{ id: string; type: TypeDetails; head: ReactNode }>

/** "Run again with changes": fills in the parameters and options of an existing task. */
function FromTask({ id, type, head }: FromTaskProps) {
  const { data: task, error, refetch } = useQuery({ ...reads.task(id), staleTime: Number.POSITIVE_INFINITY })
  if (task === undefined) {
    return error === null ? (
      <Skeleton height={320} radius="md" />
    ) : (
      <ErrorState error={error} retry={() => void refetch()} />
    )
  }
  const { value, removed } = refillable(task.parameters, type.sensitive.parameters)
  const beginning = { parameters: parametersOf(value), options: entriesOfTask(task), from: id }
  const origin = (
    <>
      {head}
      <p className={styles.from}>
        <Sentence of={say.submit.filledInFrom(<TaskLink id={id} />)} />
        {removed && say.submit.andEnterSensitiveAgain}
      </p>
    </>
  )
  return <FreshForm type={type} beginning={beginning} head={origin} />
}

function parametersOf(value: unknown): Parameters {
  return typeof value === 'object' && value !== null ? (value as Parameters) : {}
}
