import { describe, expect, test } from 'vitest'
import { localBesideMirror, localInPipeline } from '../../src/app/local-state.ts'

const FILE = { state: { store: 'file', directory: '/p/.ferry' } } as const
const KAFKA = { state: { store: 'kafka', cluster: 'new', topic: '__ferry_state' } } as const

describe('a state on one machine', () => {
  test.each([
    ['true', 1],
    ['1', 1],
    ['drone', 1],
    ['false', 0],
    ['0', 0],
    ['', 0],
    [undefined, 0],
  ])('with CI=%s: %i warnings', (CI, warnings) => {
    expect(localInPipeline(FILE, { CI })).toHaveLength(warnings)
    expect(localInPipeline(KAFKA, { CI })).toEqual([])
  })

  test('beside a mirror elsewhere is warned of, with its host', () => {
    const on = (...hosts: readonly string[]) => hosts.map((host) => ({ host, pid: 1, topics: [] }))
    expect(localBesideMirror(FILE, on('here', 'there', 'there'), 'here')).toMatchObject([
      { severity: 'warning', code: 'FERRY1423', detail: expect.stringContaining('on there, and') },
    ])
    expect(localBesideMirror(FILE, on('here'), 'here')).toEqual([])
    expect(localBesideMirror(FILE, undefined, 'here')).toEqual([])
    expect(localBesideMirror(KAFKA, on('there'), 'here')).toEqual([])
  })
})
