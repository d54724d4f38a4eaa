import { describe, expect, test } from 'vitest'
import type { GroupId, TopicName } from '../../src/domain/ids.ts'
import { closureOf, type Tie } from '../../src/survey/ties.ts'

const tie = (name: string, topics: readonly string[], kind: Tie['kind'] = 'group'): Tie => ({
  kind,
  name,
  topics: new Set(topics as readonly TopicName[]),
})
const start = (topics: readonly string[], groups: readonly string[] = []) => ({
  topics: topics as readonly TopicName[],
  groups: groups as readonly GroupId[],
})

describe('what belongs together', () => {
  const ties = [
    tie('g1', ['a', 'b']),
    tie('g2', ['b', 'c']),
    tie('tx', ['c', 'd'], 'transactional-id'),
    tie('g3', ['x', 'y']),
  ]

  test('is reached over any number of hops, in both directions', () => {
    for (const topic of ['a', 'b', 'c', 'd']) {
      const closure = closureOf(ties, start([topic]))
      expect(closure.topics, topic).toEqual(['a', 'b', 'c', 'd'])
      expect(closure.ties.map(({ name }) => name)).toEqual(['g1', 'g2', 'tx'])
    }
  })

  test('begins at groups too, and leaves alone what shares nothing', () => {
    expect(closureOf(ties, start([], ['g3'])).topics).toEqual(['x', 'y'])
    expect(closureOf(ties, start(['lonely'])).topics).toEqual(['lonely'])
  })

  test('says through what each topic was reached', () => {
    const { because } = closureOf(ties, start(['a']))
    expect([...because].map(([topic, { tie, from }]) => [topic, tie.name, from])).toEqual([
      ['b', 'g1', 'a'],
      ['c', 'g2', 'b'],
      ['d', 'tx', 'c'],
    ])
  })
})
