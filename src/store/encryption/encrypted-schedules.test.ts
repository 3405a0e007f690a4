import { expect, test } from 'vitest'
import { parseEncryptionKeys } from '../../core/encryption-keys.ts'
import { defaultCatchUp, ranNow, scheduleMade, submissionOfTick } from '../../core/schedule.ts'
import { FakeClock } from '../../testing/clock.ts'
import { submission } from '../../../test/support/tasks.ts'
import { openMemory } from '../memory/store.ts'
import { EncryptedStore } from './encrypted-store.ts'
import { Keyring } from './keyring.ts'

const ring = (id: string) => {
  const keys = parseEncryptionKeys(`${id}:${Buffer.alloc(32, id).toString('base64')}`)
  if (typeof keys === 'string') throw new Error(keys)
  return new Keyring(keys)
}

test('parameters and callbacks of schedules and of their tasks are stored encrypted, and bound to their place', async () => {
  const clock = new FakeClock()
  const raw = await openMemory({ clock })
  const { schedules } = new EncryptedStore(raw, ring('one'))
  const url = 'https://a.example/hunter2'
  const draft = {
    id: 's',
    type: 'work',
    parameters: '{"password":"hunter2"}',
    options: { callbackUrl: url },
    cron: [],
    every: 1_000,
    offset: 0,
    timezone: 'UTC',
    from: null,
    until: null,
    jitter: 0,
    overlap: 'skip',
    catchUp: defaultCatchUp,
    pauseOnFailures: null,
    description: null,
  } as const
  const made = scheduleMade(draft, { now: clock.now(), by: 'me', origin: 'api', paused: false })
  await schedules.add(made)
  const ran = ranNow(made, 'a', clock.now())
  const task = submissionOfTick(
    submission({ id: 'a', parameters: made.parameters, callback: { url, origin: 'https://a.example' } }),
    made,
    ran.tickAt,
  )
  const change = { ...ran, isRedefined: true, submissions: [task], by: 'me' }
  expect(await schedules.change([change], 10)).toMatchObject([
    { kind: 'changed', schedule: { parameters: made.parameters, options: { callbackUrl: url } } },
  ])
  expect(JSON.stringify([await raw.schedules.list('', 10), await raw.read('a')])).not.toContain('hunter2')
  expect((await schedules.view(['s']))[0]!.schedule).toEqual(ran.schedule)
  const record = (await new EncryptedStore(raw, ring('one')).read('a'))!
  expect(record.parameters).toBe(made.parameters)
  expect(record.task.callback?.url).toBe(url)
  const stranger = new EncryptedStore(raw, ring('two')).schedules
  expect(await stranger.view(['s'])).toEqual([])
  expect(await stranger.list('', 10)).toMatchObject([{ id: 's', parameters: 'null' }])
})
