import { places } from '../app/routes-list.ts'

type Shortcut = Readonly<{ keys: readonly string[]; what: string }>

/** All keyboard shortcuts, as shown in the help. */
export const shortcuts: Readonly<Record<string, readonly Shortcut[]>> = {
  'Task table': [
    { keys: ['j', '↓'], what: 'Next row' },
    { keys: ['k', '↑'], what: 'Previous row' },
    { keys: ['Enter', 'o'], what: 'Open task' },
    { keys: ['Space', 'x'], what: 'Select row' },
    { keys: ['Shift + Space'], what: 'Select rows up to here' },
    { keys: ['Esc'], what: 'Clear selection' },
    { keys: ['/'], what: 'Search' },
    { keys: ['.'], what: 'Show new tasks' },
  ],
  Everywhere: [
    { keys: ['Ctrl + K'], what: 'Command palette: tasks, pages, actions' },
    ...places.map(({ key, name }) => ({ keys: [`g ${key}`], what: name })),
    { keys: ['?'], what: 'Keyboard shortcuts' },
  ],
}
