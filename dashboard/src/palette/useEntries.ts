import { useMantineColorScheme } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useLocation } from 'wouter'
import { useCan, useMe } from '../access/me.ts'
import { placesOf } from '../app/routes-list.ts'
import { client, isFermataError } from '../data/client.ts'
import { reads } from '../data/reads.ts'
import { statusName } from '../data/statuses.ts'
import { choose, languages, type Language } from '../language/choice.ts'
import { say } from '../language/say.ts'
import { addressOf, useViews } from '../views/views.ts'
import { idIn, matching, type Entry } from './entries.ts'
import { visitedTasks } from './visited.ts'

/** Tasks whose tags are offered, the newest. */
const looked = 200

/** What matches the query, and whether a task is still being looked for. */
export function useEntries(
  query: string,
  onHelp: () => void,
): Readonly<{ entries: Entry[]; isLooking: boolean }> {
  const [, navigate] = useLocation()
  const me = useMe()
  const [canRun, canControl] = [useCan('run'), useCan('control')]
  const cache = useQueryClient()
  const { setColorScheme } = useMantineColorScheme()
  const types = useQuery(reads.types()).data
  const tags = useTags()
  const { views } = useViews()
  const task = useTaskNamed(idIn(query))
  const openTask = (id: string) => navigate(`/tasks/${encodeURIComponent(id)}`)
  const hold = async (type: string, held: boolean) => {
    await (held ? client.releaseType(type) : client.holdType(type))
    await cache.invalidateQueries()
  }

  const all: Entry[] = [
    ...placesOf(me).map(({ path, name, icon, key }): Entry => ({
      key: path,
      group: 'goTo',
      name,
      hint: `g ${key}`,
      icon,
      run: () => navigate(path),
    })),
    ...visitedTasks().map(({ id, type }): Entry => ({
      key: id,
      group: 'recent',
      name: type,
      hint: `…${id.slice(-8)}`,
      icon: 'history',
      run: () => openTask(id),
    })),
    ...views.map((view): Entry => ({
      key: `view ${view.name}`,
      group: 'views',
      name: view.name,
      hint: say.palette.savedView,
      icon: 'bookmark',
      run: () => navigate(addressOf(view)),
    })),
    ...(types?.available_tasks ?? []).map((type): Entry => ({
      key: `type ${type}`,
      group: 'types',
      name: type,
      hint: say.palette.tasksOfType,
      icon: 'shapes',
      run: () => navigate(`/tasks?type=${encodeURIComponent(type)}`),
    })),
    ...tags.map((tag): Entry => ({
      key: `tag ${tag}`,
      group: 'tags',
      name: tag,
      hint: say.palette.tasksWithTag,
      icon: 'tag',
      run: () => navigate(`/tasks?tag=${encodeURIComponent(tag)}`),
    })),
    ...(canRun ? (types?.available_tasks ?? []) : []).map((type): Entry => ({
      key: `submit ${type}`,
      group: 'actions',
      name: say.common.submitType(type),
      icon: 'send',
      run: () => navigate(`/submit/${encodeURIComponent(type)}`),
    })),
    ...(canControl && me?.tags === null ? Object.values(types?.task_details ?? {}) : []).map(
      ({ type, held }): Entry => ({
        key: `hold ${type}`,
        group: 'actions',
        name: held ? say.types.releaseType(type) : say.types.holdType(type),
        hint: held ? say.palette.releaseHint : say.palette.holdHint,
        icon: held ? 'play' : 'pause',
        run: () => void hold(type, held),
      }),
    ),
    ...(['light', 'dark', 'auto'] as const).map((scheme): Entry => ({
      key: `scheme ${scheme}`,
      group: 'actions',
      name: say.palette.appearance[scheme],
      icon: scheme === 'light' ? 'sun' : scheme === 'dark' ? 'moon' : 'screen',
      run: () => setColorScheme(scheme),
    })),
    ...(Object.keys(languages) as Language[]).map((one): Entry => ({
      key: `language ${one}`,
      group: 'actions',
      name: say.palette.language(languages[one]),
      icon: 'book',
      run: () => choose(one),
    })),
    {
      key: 'help',
      group: 'actions',
      name: say.common.keyboardShortcuts,
      hint: '?',
      icon: 'keyboard',
      run: onHelp,
    },
  ]
  const found = task.found.map(({ id, hint }): Entry => ({
    key: `found ${id}`,
    group: 'task',
    name: id,
    hint,
    icon: 'list',
    run: () => openTask(id),
  }))
  return { entries: [...found, ...matching(all, query)], isLooking: task.isLooking }
}

function useTags(): string[] {
  const { data } = useQuery({
    queryKey: ['palette-tags'],
    queryFn: ({ signal }) => client.listTasks({ fields: ['tags'], limit: looked }, { signal }),
    staleTime: 30_000,
  })
  return [...new Set(data?.tasks.flatMap(({ tags }) => tags) ?? [])].toSorted()
}

type Named = Readonly<{ found: readonly Readonly<{ id: string; hint: string }>[]; isLooking: boolean }>

/** The task with this id, or those whose ids begin or end so. */
function useTaskNamed(part: string | null): Named {
  const { data, error, isFetching } = useQuery({
    queryKey: ['palette-task', part],
    queryFn: ({ signal }) => client.getTaskStatus(part ?? '', { signal }),
    enabled: part !== null,
    staleTime: 10_000,
  })
  if (part === null) return { found: [], isLooking: false }
  const several = isFermataError(error, 'TASK_ID_AMBIGUOUS') ? error.candidates : []
  const one =
    data === undefined ? [] : [{ id: data.task_id, hint: `${data.task_type} · ${statusName(data.status)}` }]
  return {
    found: [...one, ...several.map((id) => ({ id, hint: say.palette.endsSoToo }))],
    isLooking: isFetching,
  }
}
