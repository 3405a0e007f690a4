import { z } from 'zod'
import { scopes } from '../core/caller.ts'
import { parseDuration } from '../core/duration.ts'
import type { Key } from '../core/keys.ts'
import { rateBounds } from '../core/rate-limit.ts'
import { auditReason } from './requests.ts'
import { duration, label, seconds, time, typeName } from './values.ts'

/** Requests and responses about callers and keys. */

const scopeList = z.array(z.enum(scopes))

export const MeBody = z
  .strictObject({
    id: z.string().nullable().meta({ description: 'The id of the key; null without one.' }),
    name: z.string(),
    scopes: scopeList,
    types: z.array(typeName).nullable().meta({ description: 'The types it is limited to; null: all.' }),
    tags: z.array(z.string()).nullable().meta({ description: 'The tags it is limited to; null: all.' }),
  })
  .meta({
    description: 'The caller. Without keys, everyone is `anonymous` and may do everything.',
    example: { id: null, name: 'anonymous', scopes: [...scopes], types: null, tags: null },
  })

const rateLimitMeaning =
  'How many requests it may make: at most `limit` at once, which are given back evenly over `per`. Each node counts for itself; the health calls and the page are not counted, and an event stream counts once.'

export const KeyRequest = z
  .strictObject(
    {
      name: label(100).meta({
        description: 'Recorded with every change that is made with the key. No other key has it.',
        example: 'ci',
      }),
      scopes: scopeList.min(1).meta({
        description:
          '`read`: every GET except keys and the audit log. `run`: submit. `control`: pause, resume, cancel, retry, delete, bulk actions and holds. `worker`: run tasks remotely. `admin`: everything, including keys.',
        example: ['read', 'run'],
      }),
      types: z.array(typeName).min(1).max(1_000).nullable().default(null).meta({
        description: 'The key sees and submits tasks of these types only. Default: all.',
        example: null,
      }),
      tags: z.array(label(200)).min(1).max(50).nullable().default(null).meta({
        description: 'The key sees and submits tasks with at least one of these tags only. Default: all.',
        example: null,
      }),
      expires_at: z.number().min(0).max(253_402_300_799).nullable().default(null).meta({
        description: 'The key is not valid from this time on. Unix seconds. Default: never.',
        example: null,
      }),
      rate_limit: z
        .strictObject({
          limit: z.int().min(1).max(rateBounds.limit).meta({ example: 100 }),
          per: duration('From one second to a day.', '1m').refine((value) => isPer(value), {
            message: 'must be from 1 second to 1 day, like "1m"',
          }),
        })
        .nullable()
        .default(null)
        .meta({
          description: `${rateLimitMeaning} Default: the limit of the server for keys without one, if any.`,
          example: null,
        }),
      reason: auditReason.exactOptional(),
    },
    'the body must be a JSON object',
  )
  .meta({ description: 'A new key.', example: { name: 'ci', scopes: ['read', 'run'] } })

export const RotateRequest = z
  .strictObject(
    {
      overlap: duration('How long the current secret remains valid. Default 0.', '1h').exactOptional(),
      reason: auditReason.exactOptional(),
    },
    'the body must be a JSON object',
  )
  .meta({ description: 'How to rotate a key.', example: { overlap: '1h' } })

export const KeyParams = z.object({
  key_id: z.string().meta({ description: 'Key id.', example: 'k3v9x2m4q7ab' }),
})

function isPer(value: number | string): boolean {
  const ms = parseDuration(value) ?? 0
  return ms >= rateBounds.leastPer && ms <= rateBounds.mostPer
}

const keyExample = {
  id: 'k3v9x2m4q7ab',
  name: 'ci',
  scopes: ['read', 'run'],
  types: null,
  tags: null,
  created_at: 1_764_000_000.125,
  created_by: 'anonymous',
  expires_at: null,
  rate_limit: { limit: 100, per: 60 },
  last_used_at: 1_764_000_060,
}

export const KeyBody = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    scopes: scopeList,
    types: z.array(typeName).nullable(),
    tags: z.array(z.string()).nullable(),
    created_at: time('Time of creation.'),
    created_by: z.string().meta({ description: 'The name of the caller that created it.' }),
    expires_at: time('The key is not valid from this time on.').nullable(),
    rate_limit: z
      .strictObject({ limit: z.int(), per: seconds('Time in which they are given back.') })
      .nullable()
      .meta({
        description: `${rateLimitMeaning} Null: the limit of the server for keys without one, if any.`,
      }),
    last_used_at: time('Time of its last use, to the minute.').nullable(),
  })
  .meta({ description: 'A key, without its secret.', example: keyExample })

export const IssuedKeyBody = z
  .strictObject({
    ...KeyBody.shape,
    key: z.string().meta({
      description: 'The key itself, shown in this response only. Send it as `Authorization: Bearer KEY`.',
    }),
  })
  .meta({
    description: 'A key with its secret.',
    example: { ...keyExample, last_used_at: null, key: 'fmt_k3v9x2m4q7ab_...' },
  })

export const KeysBody = z
  .strictObject({ keys: z.array(KeyBody), next_cursor: z.null() })
  .meta({ description: 'All keys.', example: { keys: [keyExample], next_cursor: null } })

/** What a request says about a new key, as it is stored. */
export function keyDraft({ expires_at: expires, rate_limit: rate, ...draft }: z.output<typeof KeyRequest>) {
  return {
    ...draft,
    expiresAt: expires === null ? null : Math.round(expires * 1_000),
    rateLimit: rate === null ? null : { limit: rate.limit, per: parseDuration(rate.per) ?? 0 },
  }
}

export function keyBody({
  id,
  name,
  scopes: given,
  types,
  tags,
  rateLimit,
  ...times
}: Key): z.output<typeof KeyBody> {
  const inSeconds = (ms: number | null) => (ms === null ? null : ms / 1_000)
  return {
    id,
    name,
    scopes: [...given],
    types: types === null ? null : [...types],
    tags: tags === null ? null : [...tags],
    created_at: times.createdAt / 1_000,
    created_by: times.createdBy,
    expires_at: inSeconds(times.expiresAt),
    rate_limit: rateLimit === null ? null : { limit: rateLimit.limit, per: rateLimit.per / 1_000 },
    last_used_at: inSeconds(times.lastUsedAt),
  }
}
