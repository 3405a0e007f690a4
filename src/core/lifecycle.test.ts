import { describe, expect, test } from 'vitest'
import {
  allows,
  controlMoves,
  controlsFrom,
  lifecycle,
  standing,
  type Move,
  type MoveName,
} from './lifecycle.ts'
import { controls, isActive, isTerminal, statuses } from './task.ts'

const moves = Object.entries(lifecycle) as [MoveName, Move][]

describe('the lifecycle', () => {
  test('has no way out of completed', () => {
    expect(moves.filter(([, { from }]) => from.includes('completed'))).toEqual([])
  })

  test('leaves a terminal status by retry alone', () => {
    const leaving = moves.filter(([, { from }]) => from.some(isTerminal))
    expect(leaving.map(([name]) => name)).toEqual(['retry'])
  })

  test('leads to every status, and on from every one but completed', () => {
    expect(new Set(moves.flatMap(([, { to }]) => to))).toEqual(new Set(statuses))
    const left = new Set(moves.flatMap(([, { from }]) => from))
    expect(statuses.filter((status) => !left.has(status))).toEqual(['completed'])
  })

  test('begins to run only by a claim, or by taking a pause back', () => {
    const running = moves.filter(([, { from, to }]) => to.includes('running') && !from.includes('running'))
    expect(running.map(([name]) => name)).toEqual(['claim', 'take-back'])
  })

  test('lets the API write nothing that only a node can know', () => {
    const ofApi = moves.filter(([, { who }]) => who === 'API').flatMap(([, { to }]) => to)
    expect(ofApi).not.toContain('completed')
    expect(ofApi).not.toContain('failed')
  })

  test('has a way to lose the node from every status that has one', () => {
    const lost = moves.filter(([, { who }]) => who.startsWith('reaper')).flatMap(([, { from }]) => from)
    expect(new Set(lost)).toEqual(new Set([...statuses.filter(isActive), 'paused', 'queued', 'scheduled']))
  })

  test('says of each move why', () => {
    for (const [, { why }] of moves) expect(why).toMatch(/^[A-Z`].*\.$/)
  })
})

describe('controls', () => {
  test('are the buttons of each status', () => {
    expect(Object.fromEntries(statuses.map((status) => [status, controlsFrom(status)]))).toEqual({
      scheduled: ['pause', 'cancel'],
      queued: ['pause', 'cancel'],
      running: ['pause', 'cancel'],
      pausing: ['resume', 'cancel'],
      paused: ['resume', 'cancel'],
      cancelling: [],
      completed: [],
      failed: ['retry'],
      cancelled: ['retry'],
    })
  })

  test('stand only where they can have led', () => {
    for (const control of controls) {
      for (const status of standing[control]) {
        expect(controlMoves[control].some((move) => allows(move, status))).toBe(false)
      }
    }
  })
})
