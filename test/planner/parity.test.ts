import { describe, expect, it } from 'vitest'
import {
  migration,
  observed,
  plan,
  side,
  stateWith,
  topic,
  topicSeen,
  topicSpec,
} from './_build.ts'
import { STATE } from './_moved.ts'

const DAY = 86_400_000

/** What is said of a topic whose source and target have these values in force; none of them is an override. */
const said = (
  here: Readonly<Record<string, string>>,
  there: Readonly<Record<string, string>>,
  parts: {
    readonly file?: Readonly<Record<string, string>>
    readonly stage?: 'prepared' | 'producers-moved'
    readonly overrides?: Readonly<Record<string, string>>
    readonly isSealed?: boolean
  } = {},
) => {
  const target = side('new')
  const defaults = Object.entries(there).map(
    ([key, value]) => [key, { value, isOverride: false }] as const,
  )
  const seen = topicSeen('orders', [[0n, 5n]], parts.overrides)
  const configs = new Map([
    ...(seen.configs ?? []),
    ...Object.entries(here).map(([key, value]) => [key, { value, isOverride: false }] as const),
  ])
  const file = parts.file && new Map(Object.entries(parts.file))
  return plan({
    desired: migration({
      stage: parts.stage ?? 'prepared',
      topics: [topicSpec('orders', { configs: file })],
    }),
    observed: observed({
      source: { topics: new Map([[topic('orders'), { ...seen, configs }]]) },
      target: { brokerConfigs: new Map([...target.brokerConfigs, ...defaults]) },
    }),
    state: stateWith(parts.isSealed ? STATE : {}),
  })
    .problems.filter(({ code }) => code >= 'FERRY1371' && code <= 'FERRY1374')
    .map(({ code, severity, detail }) => `${severity} ${code} ${/: (.*) on old/.exec(detail)?.[1]}`)
}

describe('parity with the source', () => {
  it.each([
    ['the same everywhere', {}, {}, []],
    [
      'a smaller batch',
      { 'max.message.bytes': '5000000' },
      { 'message.max.bytes': '1048588' },
      ['warning FERRY1371 max.message.bytes 1048588 instead of 5000000'],
    ],
    ['a larger batch', { 'max.message.bytes': '1' }, {}, []],
    [
      'a shorter time, and a size that the source does not have',
      { 'retention.ms': '-1', 'retention.bytes': '-1' },
      { 'log.retention.ms': String(7 * DAY), 'log.retention.bytes': '1024' },
      ['warning FERRY1372 retention.ms 7d instead of for ever, retention.bytes 1024 instead of -1'],
    ],
    ['a longer time', { 'retention.ms': String(DAY) }, {}, []],
    [
      'another kind of timestamp',
      { 'message.timestamp.type': 'CreateTime' },
      { 'log.message.timestamp.type': 'LogAppendTime' },
      ['warning FERRY1373 message.timestamp.type LogAppendTime instead of CreateTime'],
    ],
    [
      'another codec',
      { 'compression.type': 'gzip' },
      { 'compression.type': 'producer' },
      ['warning FERRY1374 compression.type producer instead of gzip'],
    ],
  ])('%s', (_, here, there, expected) => {
    expect(said(here, there)).toEqual(expected)
  })

  it('compares the window of timestamps where producers move', () => {
    const here = { 'message.timestamp.difference.max.ms': '9223372036854775807' }
    const there = {
      'log.message.timestamp.before.max.ms': '9223372036854775807',
      'log.message.timestamp.after.max.ms': '3600000',
    }
    expect(said(here, there)).toEqual([])
    expect(said(here, there, { stage: 'producers-moved' })).toEqual([
      'warning FERRY1373 message.timestamp.after.max.ms 1h instead of any',
    ])
  })

  it('says nothing of what is carried over, of what the file sets, and after the seal', () => {
    const here = { 'max.message.bytes': '5000000' }
    expect(said({}, {}, { overrides: here })).toEqual([])
    expect(said(here, {}, { file: { 'max.message.bytes': '1000' } })).toEqual([])
    expect(said(here, {}, { stage: 'producers-moved', isSealed: true })).toEqual([])
    expect(said(here, {}, { stage: 'producers-moved' })).toHaveLength(1)
  })
})

it('says once what is so of many topics, and names ten of them', () => {
  const names = Array.from({ length: 12 }, (_, i) => `topic-${String(i).padStart(2, '0')}`)
  const stamps = { 'message.timestamp.type': { value: 'CreateTime', isOverride: false } }
  const seen = (name: string) => {
    const { configs, ...rest } = topicSeen(name, [[0n, 5n]])
    const isOther = name === 'topic-11'
    return {
      ...rest,
      configs: new Map([...(configs ?? []), ...Object.entries(isOther ? {} : stamps)]),
    }
  }
  const target = side('new')
  const { problems } = plan({
    desired: migration({
      stage: 'prepared',
      topics: names.map((name) => topicSpec(name)),
      groups: [],
    }),
    observed: observed({
      source: { topics: new Map(names.map((name) => [topic(name), seen(name)])) },
      target: {
        brokerConfigs: new Map([
          ...target.brokerConfigs,
          ['log.message.timestamp.type', { value: 'LogAppendTime', isOverride: false }],
          ['min.insync.replicas', { value: '1', isOverride: false }],
        ]),
      },
    }),
  })
  expect(
    problems.filter(({ severity }) => severity === 'warning').map(({ detail }) => detail),
  ).toEqual([
    `${names.slice(0, 10).join(', ')} and 1 more on new, once they are sealed: message.timestamp.type LogAppendTime instead of CreateTime on old.`,
    `${names.slice(0, 10).join(', ')} and 2 more on new: min.insync.replicas 1. Records that were acknowledged can be lost when a broker fails.`,
  ])
})
