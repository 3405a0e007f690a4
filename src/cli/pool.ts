/** Does the work for each item, with limited concurrency, and yields the outcomes in the order of the items. */
export async function* pooled<Item, Outcome>(
  items: readonly Item[],
  width: number,
  work: (item: Item) => Promise<Outcome>,
): AsyncGenerator<Readonly<{ item: Item; outcome: PromiseSettledResult<Outcome> }>, void, undefined> {
  const under: Promise<PromiseSettledResult<Outcome>>[] = []
  let next = 0
  const begin = () => {
    const item = items[next++]
    if (item === undefined) return
    under.push(Promise.allSettled([work(item)]).then(([outcome]) => outcome))
  }
  for (let index = 0; index < width; index++) begin()
  for (const item of items) {
    const outcome = await under.shift()
    if (outcome === undefined) return
    begin()
    yield { item, outcome }
  }
}
