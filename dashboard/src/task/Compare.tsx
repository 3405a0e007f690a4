import { NativeSelect } from '@mantine/core'
import { useState } from 'react'
import type { TaskDetails } from '../data/shapes.ts'
import { say } from '../language/say.ts'
import { preciseClockWords } from '../time/words.ts'
import styles from './Compare.module.css'
import { factsOf, linesOf, type ComparedLine } from './compare.ts'
import { useLog } from './useLog.ts'

/** Two attempts of a task side by side: how they ended, how long they took, where they ran, and what they logged. */
export function Compare({ task }: Readonly<{ task: TaskDetails }>) {
  const { attempts } = task
  const [last, before] = attempts.toReversed()
  const [chosen, setChosen] = useState<readonly [number, number]>([before?.attempt ?? 0, last?.attempt ?? 0])
  const log = useLog(task.task_id)
  const find = (number: number) => attempts.find(({ attempt }) => attempt === number) ?? attempts[0]
  const pair = [find(chosen[0]), find(chosen[1])] as const
  if (pair[0] === undefined || pair[1] === undefined) return null
  const facts = factsOf(task, [pair[0], pair[1]])
  const lines = linesOf(log, chosen)
  const data = attempts.map(({ attempt }) => ({
    value: String(attempt),
    label: say.task.attemptNumber(attempt),
  }))
  const choice = (place: 0 | 1) => (
    <NativeSelect
      size="xs"
      aria-label={place === 0 ? say.task.firstAttempt : say.task.secondAttempt}
      value={String(chosen[place])}
      data={data}
      onChange={({ currentTarget: { value } }) =>
        setChosen(place === 0 ? [Number(value), chosen[1]] : [chosen[0], Number(value)])
      }
    />
  )
  return (
    <div className={styles.compare}>
      <table className={styles.facts}>
        <thead>
          <tr>
            <td />
            <th scope="col">{choice(0)}</th>
            <th scope="col">{choice(1)}</th>
          </tr>
        </thead>
        <tbody>
          {facts.map(({ name, values, isSame }) => (
            <tr key={name} data-same={isSame}>
              <th scope="row">
                {name}
                <span className={styles.verdict}>{isSame ? say.task.same : say.task.different}</span>
              </th>
              <td>{values[0]}</td>
              <td>{values[1]}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {log.length > 0 && (
        <>
          <p className={styles.note}>{say.task.markedLines}</p>
          <div className={styles.logs}>
            <Lines lines={lines[0]} attempt={chosen[0]} />
            <Lines lines={lines[1]} attempt={chosen[1]} />
          </div>
        </>
      )}
    </div>
  )
}

function Lines({ lines, attempt }: Readonly<{ lines: readonly ComparedLine[]; attempt: number }>) {
  return (
    <section className={styles.log} tabIndex={0} aria-label={say.task.logOfAttempt(attempt)}>
      {lines.length === 0 && <p className={styles.note}>{say.task.noLogLines}</p>}
      {lines.map(({ number, at, text, isShared }) => (
        <p key={number} className={styles.line} data-shared={isShared}>
          <time>{preciseClockWords(at)}</time>
          {isShared ? text : <mark>{text}</mark>}
        </p>
      ))}
    </section>
  )
}
