import { IssuedKeyBody, KeyBody, KeyParams, KeyRequest, KeysBody, MeBody, RotateRequest } from './access.ts'
import { AuditBody, AuditQuery } from './audit.ts'
import { ReasonQuery } from './requests.ts'
import type { Route } from './route.ts'

const bodyProblems = ['BODY_INVALID', 'OPTIONS_INVALID', 'TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] as const

/** Routes for callers and keys. */
export const accessRoutes = {
  getMe: {
    method: 'GET',
    path: '/api/me',
    tag: 'access',
    scope: 'any',
    summary: 'Who am I',
    description: 'The caller as the server knows it: name and scopes of the key that was sent.',
    answer: { description: 'The caller.', schema: MeBody },
    problems: [],
  },
  createKey: {
    method: 'POST',
    path: '/api/keys',
    tag: 'access',
    scope: 'admin',
    summary: 'Create a key',
    description:
      'From the first key on, every call needs one, on all nodes. The first key must have the scope `admin`. Only this response shows the key itself: the server stores a hash.',
    body: KeyRequest,
    answer: {
      description: 'Created.',
      created: true,
      schema: IssuedKeyBody,
      headers: { Location: 'URL of the key.' },
    },
    problems: ['KEY_NAME_TAKEN', ...bodyProblems],
  },
  listKeys: {
    method: 'GET',
    path: '/api/keys',
    tag: 'access',
    scope: 'admin',
    summary: 'List keys',
    description: 'All keys, oldest first, without their secrets.',
    answer: { description: 'The keys.', schema: KeysBody },
    problems: [],
  },
  getKey: {
    method: 'GET',
    path: '/api/keys/{key_id}',
    tag: 'access',
    scope: 'admin',
    summary: 'Get a key',
    description: 'One key, without its secret.',
    params: KeyParams,
    answer: { description: 'The key.', schema: KeyBody },
    problems: ['KEY_UNKNOWN'],
  },
  rotateKey: {
    method: 'POST',
    path: '/api/keys/{key_id}/rotate',
    tag: 'access',
    scope: 'admin',
    summary: 'Rotate a key',
    description:
      'Gives the key a new secret. The current one remains valid for `overlap`, so that you can replace it everywhere in the meantime; an older one ends immediately.',
    params: KeyParams,
    body: RotateRequest,
    answer: { description: 'The key with its new secret.', schema: IssuedKeyBody },
    problems: ['KEY_UNKNOWN', ...bodyProblems],
  },
  revokeKey: {
    method: 'DELETE',
    path: '/api/keys/{key_id}',
    tag: 'access',
    scope: 'admin',
    summary: 'Revoke a key',
    description:
      'Deletes the key. Within a second, all nodes refuse it and end its event streams and waiting calls.',
    params: KeyParams,
    query: ReasonQuery,
    reason: true,
    answer: { description: 'Revoked.', empty: true },
    problems: ['KEY_UNKNOWN', 'OPTIONS_INVALID'],
  },
  listAudit: {
    method: 'GET',
    path: '/api/audit',
    tag: 'access',
    scope: 'admin',
    summary: 'Read the audit log',
    description:
      'What callers have changed, newest first: each entry was stored in the same commit as its change. Submits are recorded for callers with a key. A page costs the same however long the log is; it can be short or empty and still have a `next_cursor`.',
    query: AuditQuery,
    answer: { description: 'A page of the log.', schema: AuditBody },
    problems: ['OPTIONS_INVALID', 'TASK_ID_AMBIGUOUS'],
  },
} as const satisfies Record<string, Route>
