import { expect, test } from 'vitest'
import { placeOf } from './places.ts'

test('a task belongs to the tasks, and the root to the overview alone', () => {
  expect(placeOf('/tasks/019a')?.name).toBe('Tasks')
  expect(placeOf('/')?.name).toBe('Overview')
  expect(placeOf('/nowhere')).toBeUndefined()
  expect(placeOf('/tasksanything')).toBeUndefined()
})
