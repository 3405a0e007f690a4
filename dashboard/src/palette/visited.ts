/** The tasks that were opened in this tab, the latest first. */

const place = 'fermata-visited'
const kept = 8

export type Visited = Readonly<{ id: string; type: string }>

export function visitedTasks(): readonly Visited[] {
  return JSON.parse(sessionStorage.getItem(place) ?? '[]') as Visited[]
}

export function noteVisit(task: Visited): void {
  const others = visitedTasks().filter(({ id }) => id !== task.id)
  sessionStorage.setItem(place, JSON.stringify([task, ...others].slice(0, kept)))
}
