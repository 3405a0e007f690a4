import { Component, type ReactNode } from 'react'

type Props = Readonly<{
  /** A new value shows the children again: the address, for pages. */
  resetOn?: unknown
  /** In place of the children, once one of them has thrown. */
  fallback: (error: unknown, retry: () => void) => ReactNode
  children: ReactNode
}>

type State = Readonly<{ failed: Readonly<{ error: unknown; at: unknown }> | null }>

/** An error in a part of the page leaves the rest of it usable. React writes the error to the console. */
export class Boundary extends Component<Props, State> {
  override readonly state: State = { failed: null }

  static getDerivedStateFromError(error: unknown): State {
    return { failed: { error, at: unknownPlace } }
  }

  static getDerivedStateFromProps({ resetOn }: Props, { failed }: State): State | null {
    if (failed === null) return null
    if (failed.at === unknownPlace) return { failed: { ...failed, at: resetOn } }
    return failed.at === resetOn ? null : { failed: null }
  }

  override render(): ReactNode {
    const { failed } = this.state
    if (failed === null) return this.props.children
    return this.props.fallback(failed.error, () => this.setState({ failed: null }))
  }
}

const unknownPlace = Symbol('not known yet')
