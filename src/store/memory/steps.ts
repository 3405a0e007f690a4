import type { StepRecord } from '../../core/step.ts'
import type { NumberedStep, StepPage, StepQuery } from '../store.ts'

/** The steps with these stored one after the other. */
export function withSteps(
  stored: readonly NumberedStep[],
  steps: readonly StepRecord[] = [],
): readonly NumberedStep[] {
  let all = stored
  for (const step of steps) {
    const there = all.find(({ name, occurrence }) => name === step.name && occurrence === step.occurrence)
    if (there?.status === 'completed') continue
    all =
      there === undefined
        ? [...all, { ...step, number: (all.at(-1)?.number ?? 0) + 1 }]
        : all.map((one) => (one === there ? { ...step, number: one.number } : one))
  }
  return all
}

export function stepPage(steps: readonly NumberedStep[], { after, limit, bytes }: StepQuery): StepPage {
  const page: NumberedStep[] = []
  let size = 0
  for (const step of steps.filter(({ number }) => number > after)) {
    if (page.length === limit || (page.length > 0 && size >= bytes))
      return { steps: page, next: page.at(-1)!.number }
    page.push(step)
    size += Buffer.byteLength(step.result ?? '')
  }
  return { steps: page, next: null }
}
