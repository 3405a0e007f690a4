import assert from 'node:assert/strict'
import type { DatabaseSync } from 'node:sqlite'

/** The file itself: sound, and its counters are those of its rows. */
export function auditFile(db: DatabaseSync): void {
  assert.deepEqual({ ...db.prepare('pragma integrity_check').get() }, { integrity_check: 'ok' })
  const counted = db
    .prepare('select type, status, count(*) as tasks from tasks group by 1, 2 order by 1, 2')
    .all()
  const kept = db.prepare('select type, status, tasks from counters where tasks > 0 order by 1, 2').all()
  assert.deepEqual(kept, counted, 'the counters are those of the rows')
}
