import { describe, expect, it } from 'vitest'
import type { ConfigsBefore } from '../../src/domain/state.ts'
import type { ConfigureTopic } from '../../src/domain/step.ts'
import { configureTopic } from '../../src/steps/configure-topic.ts'
import type { Run } from '../../src/steps/step-kind.ts'
import { topic } from '../planner/_build.ts'
import { keeping } from './_keeping.ts'

/** What the step remembers; that brokers set configs is for test/scenarios/broad-resources.test.ts. */

const name = topic('orders')
const step: ConfigureTopic = {
  kind: 'configure-topic',
  id: 'configure-topic/protective/orders',
  stage: 'prepared',
  reason: '',
  undo: { cost: 'restores', says: '' },
  topic: name,
  phase: 'protective',
  set: { 'retention.ms': '99', 'retention.bytes': '-1' },
  was: { 'retention.ms': '7', 'retention.bytes': null },
}

/** What is remembered once it has run on a topic with this id. */
const remembered = async (before: readonly ConfigsBefore[], topicId: string | undefined) => {
  const kept = keeping({ configsBefore: before })
  const there = { name, partitions: [], ...(topicId !== undefined && { topicId }) }
  const target = {
    name: 'new',
    describeTopics: async () => ({ ok: new Map([[name, there]]), failed: new Map() }),
    alterTopicConfigs: async () => ({ ok: new Map([[name, undefined]]), failed: new Map() }),
  }
  const run = {
    clusters: { target },
    ...kept,
  } as unknown as Run
  expect(await configureTopic.apply(step, run)).toMatchObject({ done: true })
  return kept.state().configsBefore
}

describe('what a topic of others had before', () => {
  const first = new Map([['retention.ms', '5']])
  const found = new Map(Object.entries(step.was))
  const both = new Map([...found, ...first])

  it.each<[string, readonly ConfigsBefore[], string | undefined, Omit<ConfigsBefore, 'topic'>]>([
    ['is remembered with its id', [], 'a', { topicId: 'a', was: found }],
    ['has none where brokers know none', [], undefined, { was: found }],
    [
      'stays what was found the first time',
      [{ topic: name, topicId: 'a', was: first }],
      'a',
      { topicId: 'a', was: both },
    ],
    [
      'is nothing of a topic that was made anew',
      [{ topic: name, topicId: 'a', was: first }],
      'b',
      { topicId: 'b', was: found },
    ],
    ['gets no id that nobody knows', [{ topic: name, was: first }], 'b', { was: both }],
  ])('%s', async (_, before, topicId, expected) => {
    expect(await remembered(before, topicId)).toEqual([{ topic: name, ...expected }])
  })
})
