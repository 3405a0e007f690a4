import { Fragment } from 'react'
import type { Words } from '../language/tools.ts'

/** A sentence of the catalogue with elements in it. */
export function Sentence({ of }: Readonly<{ of: Words }>) {
  return of.map((part, index) => <Fragment key={index}>{part}</Fragment>)
}
