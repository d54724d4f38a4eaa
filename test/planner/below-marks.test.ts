import { expect, test } from 'vitest'
import type { Mark } from '../../src/domain/mark.ts'
import { migration, observed, plan, stateWith, topic, topicSeen, topicSpec } from './_build.ts'

type Log = readonly [start: bigint, end: bigint]

const mark = (partition: number, at: bigint, more: Partial<Mark> = {}) =>
  ({
    topic: topic('orders'),
    partition,
    mode: 'identical',
    sourceStart: at,
    targetStart: at,
    producerId: 7n,
    producerEpoch: 0,
    fillerProducerId: 8n,
    at: '2026-01-01T00:00:00.000Z',
    ...more,
  }) as Mark

/** What a plan says of a mirrored topic whose target has these logs. */
const said = (target: readonly Log[], marks: readonly Mark[]) => {
  const source = target.map((): Log => [0n, 900n])
  const made = plan({
    desired: migration({ stage: 'mirrored', topics: [topicSpec('orders')] }),
    state: stateWith({ stage: 'mirrored', createdTopics: [topic('orders')], marks }),
    observed: observed({
      source: { topics: new Map([[topic('orders'), topicSeen('orders', source)]]) },
      target: { topics: new Map([[topic('orders'), topicSeen('orders', target)]]) },
    }),
  })
  return made.problems.flatMap(({ code, severity, detail }) =>
    code === 'FERRY1323' ? [`${severity}: ${detail.match(/\(.*\)/)?.[0]}`] : [],
  )
}

test('what came back below marks is named, as far as it can be read', () => {
  const logs: readonly Log[] = [
    [0n, 900n],
    [500n, 900n],
    [0n, 0n],
    [20n, 100n],
  ]
  const marks = [0, 1, 2, 3].map((partition) => mark(partition, 500n))
  expect(said(logs, marks)).toEqual(['warning: (0 to 499), orders-3 (20 to 99)'])
})

test('nothing is said of a mark at the beginning, nor of another topic than was marked', () => {
  expect(said([[0n, 900n]], [mark(0, 0n)])).toEqual([])
  expect(said([[0n, 900n]], [mark(0, 500n, { targetTopicId: 'another' })])).toEqual([])
})
