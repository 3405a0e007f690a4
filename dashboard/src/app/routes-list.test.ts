import { expect, test } from 'vitest'
import { placeOf } from './routes-list.ts'

test('a task page belongs to Tasks, and the root to Overview only', () => {
  expect(placeOf('/tasks/019a')?.name).toBe('Tasks')
  expect(placeOf('/')?.name).toBe('Overview')
  expect(placeOf('/nowhere')).toBeUndefined()
  expect(placeOf('/tasksanything')).toBeUndefined()
})
