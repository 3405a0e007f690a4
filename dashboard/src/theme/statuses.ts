import type { Status } from '../data/shapes.ts'

/** `solid` is for bars, dots and lines; `ink` is text that is readable on `soft`. Each in light and dark. */
type Shade = Readonly<{ solid: string; soft: string; ink: string }>
export type StatusColour = Readonly<{ light: Shade; dark: Shade }>

/** The only table of status colors. */
export const statusColours: Readonly<Record<Status, StatusColour>> = {
  waiting: {
    light: { solid: '#4a9aa8', soft: '#e3f3f5', ink: '#20646f' },
    dark: { solid: '#5aa9b6', soft: '#182c30', ink: '#98d3dc' },
  },
  scheduled: {
    light: { solid: '#9a6fd6', soft: '#f2ebfb', ink: '#6b3fae' },
    dark: { solid: '#a988e0', soft: '#2a2338', ink: '#c9b2f0' },
  },
  queued: {
    light: { solid: '#8a94a8', soft: '#edeff3', ink: '#4d586d' },
    dark: { solid: '#7d879c', soft: '#262a33', ink: '#b6bfd0' },
  },
  running: {
    light: { solid: '#2f7fe6', soft: '#e6f0fd', ink: '#185fb8' },
    dark: { solid: '#4c95f0', soft: '#18293f', ink: '#90c0fb' },
  },
  pausing: {
    light: { solid: '#e0b24c', soft: '#fcf4df', ink: '#855a05' },
    dark: { solid: '#d3a945', soft: '#322a17', ink: '#ecc974' },
  },
  paused: {
    light: { solid: '#d9962b', soft: '#fcf0dc', ink: '#8a5406' },
    dark: { solid: '#dd9f3d', soft: '#352817', ink: '#f2bd6b' },
  },
  cancelling: {
    light: { solid: '#c98a8f', soft: '#f7edee', ink: '#8a4a50' },
    dark: { solid: '#b9797f', soft: '#30252a', ink: '#dfaeb2' },
  },
  completed: {
    light: { solid: '#2f9e6b', soft: '#e4f5ec', ink: '#176b45' },
    dark: { solid: '#3fae7a', soft: '#172d24', ink: '#7fd5ab' },
  },
  failed: {
    light: { solid: '#dc4646', soft: '#fdeaea', ink: '#b02525' },
    dark: { solid: '#e25f5f', soft: '#3a1e20', ink: '#f7a1a1' },
  },
  cancelled: {
    light: { solid: '#a3a3ad', soft: '#efeff2', ink: '#5d5d69' },
    dark: { solid: '#6f6f7b', soft: '#26262c', ink: '#adadb9' },
  },
}

/** The CSS variable for a shade of a status in the current color scheme. */
export function statusColour(status: Status, shade: keyof Shade = 'solid'): string {
  return `var(--status-${status}-${shade})`
}
