import { places } from '../app/routes-list.ts'
import { say } from '../language/say.ts'

type Shortcut = Readonly<{ keys: readonly string[]; what: string }>

/** All keyboard shortcuts, as shown in the help. */
export const shortcuts: Readonly<Record<string, readonly Shortcut[]>> = {
  [say.shortcuts.taskTable]: [
    { keys: ['j', '↓'], what: say.shortcuts.nextRow },
    { keys: ['k', '↑'], what: say.shortcuts.previousRow },
    { keys: [say.shortcuts.enter, 'o'], what: say.shortcuts.openTask },
    { keys: [say.shortcuts.space, 'x'], what: say.shortcuts.selectRow },
    { keys: [say.shortcuts.shiftSpace], what: say.shortcuts.selectRowsUpToHere },
    { keys: [say.shortcuts.esc], what: say.shortcuts.clearSelection },
    { keys: ['/'], what: say.common.search },
    { keys: ['.'], what: say.shortcuts.showNewTasks },
  ],
  [say.shortcuts.everywhere]: [
    { keys: [say.shortcuts.ctrlK], what: say.shortcuts.palette },
    ...places.map(({ key, name }) => ({ keys: [`g ${key}`], what: name })),
    { keys: ['?'], what: say.common.keyboardShortcuts },
  ],
}
