import { expect, test } from 'vitest'
import type { GroupId, TopicName } from '../../src/domain/ids.ts'
import type { Migration } from '../../src/domain/migration.ts'
import { graphOf } from '../../src/survey/graph.ts'
import type { Survey } from '../../src/survey/survey.ts'
import { renderGraphsDot } from '../../src/views/graph.ts'

const at = { file: 'plans/x.yaml', line: 1, column: 1, pointer: '' }
const migration = (name: string, topics: readonly string[], groups: readonly string[] = []) =>
  ({
    name,
    stageAt: at,
    topics: topics.map((topic) => ({ name: topic })),
    groups: groups.map((id) => ({ id })),
  }) as unknown as Migration

const survey = (
  groups: Readonly<Record<string, readonly string[]>>,
  transactional: Readonly<Record<string, readonly string[]>> = {},
): Survey => ({
  cluster: 'old',
  topics: new Set(),
  groups: new Map(
    Object.entries(groups).map(([id, topics]) => [
      id as GroupId,
      { protocolType: 'consumer', topics: new Set(topics as readonly TopicName[]) },
    ]),
  ),
  transactionalIds: new Map(
    Object.entries(transactional).map(([id, topics]) => [
      id,
      new Set(topics as readonly TopicName[]),
    ]),
  ),
  unread: [],
})

test('sets of migrations are joined over any number of ties', () => {
  const migrations = ['a', 'b', 'c', 'd'].map((name) => migration(name, [`${name}.topic`]))
  const seen = survey(
    { g1: ['a.topic', 'b.topic'], g2: ['d.topic'], g3: ['x.topic'] },
    { tx: ['b.topic', 'c.topic'] },
  )
  const graph = graphOf(seen, migrations)
  expect(graph.together).toEqual([['a', 'b', 'c'], ['d']])
  expect(graph.ties.map(({ name }) => name)).toEqual(['g1', 'g2', 'tx'])
  expect(graph.problems.map(({ code, fix }) => [code, fix])).toEqual([
    ['FERRY2013', 'Put a and b into one migration.'],
    ['FERRY2013', 'Put b and c into one migration.'],
  ])
})

test('a group listed in one migration that reads only topics of another ties both', () => {
  const migrations = [migration('a', ['a.topic'], ['g']), migration('b', ['b.topic'])]
  const graph = graphOf(survey({ g: ['b.topic'] }), migrations)
  expect(graph.together).toEqual([['a', 'b']])
  expect(graph.problems[0]?.detail).toBe('Group g uses b.topic (b), and is listed in a.')
})

test('no name breaks out of the drawing', () => {
  const graph = graphOf(survey({ 'g" -- "\n': ['a.topic'] }), [migration('a', ['a.topic'])])
  const dot = renderGraphsDot([graph])
  expect(dot).toContain('"old group g\\" -- \\"')
  // Head, the frame of the migration with one topic, one ellipse, one edge, the end, and the last line break.
  expect(dot.split('\n')).toHaveLength(3 + 4 + 1 + 1 + 1 + 1)
})
