import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core'
import { say } from '../language/say.ts'
import { statusColours, type StatusColour } from './statuses.ts'

const iris: MantineColorsTuple = [
  '#eeeefc',
  '#d9d9f7',
  '#b3b4ee',
  '#8c8ee5',
  '#6c6edd',
  '#5d60d4',
  '#5457cd',
  '#4548b3',
  '#3a3d97',
  '#2f317a',
]

/** White text is readable on the filled shades, 5 and 6. */
const red: MantineColorsTuple = [
  '#fdeaea',
  '#fbd5d5',
  '#f7a1a1',
  '#f08484',
  '#e25f5f',
  '#cf3a3a',
  '#c12c2c',
  '#b02525',
  '#971f1f',
  '#7d1a1a',
]

export const theme = createTheme({
  primaryColor: 'iris',
  primaryShade: { light: 6, dark: 5 },
  colors: { iris, red },
  fontFamily: 'var(--font-text)',
  fontFamilyMonospace: 'var(--font-code)',
  headings: { fontFamily: 'var(--font-text)', fontWeight: '600' },
  defaultRadius: 'md',
  cursorType: 'pointer',
  focusRing: 'auto',
  respectReducedMotion: true,
})

type Scheme = keyof StatusColour

/** Letters of the longest status: columns of badges have room for it in every language. */
const longestStatus = Math.max(...Object.values(say.statuses).map((name) => name.length))

/** Variables of the light and dark themes in addition to Mantine's. */
export const variables: CSSVariablesResolver = () => ({
  variables: { '--status-width': `${longestStatus * 6 + 46}px` },
  light: {
    ...shades('light'),
    '--canvas': '#f7f7f9',
    '--surface': '#ffffff',
    '--sunken': '#f1f1f5',
    '--line': '#e5e5eb',
    '--line-strong': '#d2d2db',
    '--ink': '#1b1c22',
    '--ink-soft': '#5b5d6b',
    '--ink-faint': '#656775',
    '--accent': '#5457cd',
    '--accent-fill': '#5457cd',
    '--accent-soft': '#eeeefc',
    '--shadow': '0 1px 2px rgb(20 20 40 / 5%), 0 4px 16px rgb(20 20 40 / 4%)',
    '--mantine-color-body': '#f7f7f9',
    '--mantine-color-text': '#1b1c22',
    '--mantine-color-dimmed': '#5b5d6b',
    '--mantine-color-error': '#b02525',
  },
  dark: {
    ...shades('dark'),
    '--canvas': '#101116',
    '--surface': '#17181f',
    '--sunken': '#1f2029',
    '--line': '#282a34',
    '--line-strong': '#3a3c49',
    '--ink': '#ececf1',
    '--ink-soft': '#a6a8b6',
    '--ink-faint': '#8b8d9c',
    '--accent': '#9a9cf2',
    '--accent-fill': '#5457cd',
    '--accent-soft': '#23243d',
    '--shadow': '0 1px 2px rgb(0 0 0 / 40%), 0 4px 16px rgb(0 0 0 / 25%)',
    '--mantine-color-body': '#101116',
    '--mantine-color-text': '#ececf1',
    '--mantine-color-dimmed': '#a6a8b6',
    '--mantine-color-error': '#f7a1a1',
    '--mantine-color-dark-7': '#101116',
    '--mantine-color-dark-6': '#17181f',
    '--mantine-color-dark-5': '#22242d',
    '--mantine-color-dark-4': '#343642',
    '--mantine-color-default': '#1c1d25',
    '--mantine-color-default-border': '#343642',
  },
})

function shades(scheme: Scheme): Record<string, string> {
  return Object.fromEntries(
    Object.entries(statusColours).flatMap(([status, colour]) =>
      Object.entries(colour[scheme]).map(([shade, value]) => [`--status-${status}-${shade}`, value]),
    ),
  )
}
