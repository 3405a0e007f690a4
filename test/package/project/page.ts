import { Fermata, isFermataError, type Change, type Progress } from 'fermata-tasks/client'

/** Code of a web page. It is only compiled, without the types of Node. */
export async function show(
  draw: (change: Change) => void,
  bar: (progress: Progress) => void,
  signal: AbortSignal,
) {
  const client = new Fermata({ url: location.origin })
  try {
    const handle = await client.submit('add', { a: 2, b: 3 })
    for await (const progress of handle.progress({ signal })) bar(progress)
    document.title = `The sum is ${String(await handle.result({ signal }))}`
  } catch (error) {
    if (isFermataError(error, 'PARAMETERS_INVALID')) document.title = error.errors[0]?.message ?? ''
    else throw error
  }
  for await (const change of client.changes({ status: 'running' }, { signal })) draw(change)
}
