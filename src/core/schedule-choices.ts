/** What to do with a tick while a task of the schedule is unfinished. */
export const overlaps = ['skip', 'buffer_one', 'buffer_all', 'cancel_other', 'allow'] as const

/** What to do with ticks that nobody could carry out at their time. */
export const catchUpModes = ['latest', 'all', 'skip'] as const
