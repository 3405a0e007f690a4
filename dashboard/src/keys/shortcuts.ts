import { places } from '../app/places.ts'

type Shortcut = Readonly<{ keys: readonly string[]; what: string }>

/** All keys that the page listens to, as its help shows them. */
export const shortcuts: Readonly<Record<string, readonly Shortcut[]>> = {
  'In the table of tasks': [
    { keys: ['j', '↓'], what: 'Next row' },
    { keys: ['k', '↑'], what: 'Row before' },
    { keys: ['Enter', 'o'], what: 'Open the task' },
    { keys: ['Space', 'x'], what: 'Choose the row' },
    { keys: ['Shift + Space'], what: 'Choose all rows up to this one' },
    { keys: ['Esc'], what: 'Choose none' },
    { keys: ['/'], what: 'Search' },
    { keys: ['.'], what: 'Show what is new' },
  ],
  Everywhere: [
    ...places.map(({ key, name }) => ({ keys: [`g ${key}`], what: name })),
    { keys: ['?'], what: 'This help' },
  ],
}
