import { Access } from '../access/access.ts'
import type { KeyAdmin } from '../cli/commands/keys.ts'
import { keyBody, keyDraft, KeyRequest } from '../contract/access.ts'
import { issuesOf } from '../contract/issues.ts'
import { library } from '../core/caller.ts'
import { parseDuration } from '../core/duration.ts'
import { OptionsInvalid } from '../core/errors.ts'
import { withoutPassword } from '../core/secrets.ts'
import { openStore } from '../database.ts'
import { systemClock } from '../execution/executors/system-clock.ts'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

/** The keys in a database, without a server. Those of an embedded database only while no server has it open. */
export async function openLocalKeys(database: string): Promise<KeyAdmin & AsyncDisposable> {
  const store = await openStore(database, systemClock)
  const shared = store.capabilities.lease !== null
  const access = new Access({
    keys: store.keys,
    clock: systemClock,
    logger: quiet,
    now: () => store.now(),
    shared,
  })
  const origin = (reason?: string) => ({
    caller: { ...library, name: 'local' },
    ...(reason === undefined ? {} : { reason }),
  })
  return {
    place: withoutPassword(database),
    async create(draft) {
      const parsed = KeyRequest.safeParse(draft)
      if (!parsed.success) throw new OptionsInvalid(issuesOf(parsed.error))
      const { key, text } = await access.create(keyDraft(parsed.data), origin(parsed.data.reason))
      return { ...keyBody(key), key: text }
    },
    list: async () => (await access.list()).map(keyBody),
    async rotate(id, overlap, reason) {
      const { key, text } = await access.rotate(id, parseDuration(overlap) ?? 0, origin(reason))
      return { ...keyBody(key), key: text }
    },
    revoke: (id, reason) => access.revoke(id, origin(reason)),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}
