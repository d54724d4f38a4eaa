import { describe, expect, it } from 'vitest'
import { chooseMode, PRIME_LIMIT } from '../../src/planner/choose-mode.ts'
import {
  configChanges,
  keepsLess,
  overrides,
  topicConfigs,
} from '../../src/planner/topic-configs.ts'
import { durabilityRisks, writeFence } from '../../src/planner/write-fence.ts'
import { ACCESS, NOW, side, topic, topicSeen, topicSpec } from './_build.ts'

const DAY = 86_400_000

describe('topicConfigs', () => {
  const made = (
    overrides: Record<string, string>,
    spec = topicSpec('t'),
    head = NOW.getTime() - 1000,
  ) =>
    topicConfigs(
      spec,
      topicSeen('t', [[0n, 5n, { headTimestamp: head }]], overrides),
      side('new'),
      NOW,
    )

  it('keeps the overrides of the source for later and protects the copy until then', () => {
    const { final, protective } = made({
      'retention.ms': String(3 * DAY),
      'cleanup.policy': 'compact',
      'segment.bytes': '1048576',
    })
    expect(Object.fromEntries(final)).toEqual({
      'cleanup.policy': 'compact',
      'retention.ms': String(3 * DAY),
      'segment.bytes': '1048576',
    })
    expect(Object.fromEntries(protective)).toEqual({
      'cleanup.policy': 'delete',
      'compression.type': 'producer',
      'max.message.bytes': '1048588',
      'message.timestamp.after.max.ms': '9223372036854775807',
      'message.timestamp.before.max.ms': '9223372036854775807',
      'message.timestamp.type': 'CreateTime',
      'retention.bytes': '-1',
      'retention.ms': String(4 * DAY),
      'segment.bytes': '1048576',
    })
  })

  it.each([
    [
      'a day above the file, if that keeps longer',
      { 'retention.ms': String(DAY) },
      { 'retention.ms': String(9 * DAY) },
      10 * DAY,
    ],
    ['for ever, if the source does', { 'retention.ms': '-1' }, {}, -1],
    ['for ever, if the file does', { 'retention.ms': String(DAY) }, { 'retention.ms': '-1' }, -1],
  ])('retention: %s', (_, overrides, file, expected) => {
    const { protective } = made(
      overrides,
      topicSpec('t', { configs: new Map(Object.entries(file)) }),
    )
    expect(protective.get('retention.ms')).toBe(String(expected))
  })

  it('retention: a day above the age of the oldest record, where the source has not deleted it yet', () => {
    const { protective } = made(
      { 'retention.ms': String(DAY) },
      topicSpec('t'),
      NOW.getTime() - 8.5 * DAY,
    )
    expect(protective.get('retention.ms')).toBe(String(10 * DAY))
  })

  it('retention: grows with the oldest record, and a topic is altered for that only where less than half a day is left', () => {
    const aged = (days: number) =>
      made({ 'retention.ms': String(DAY) }, topicSpec('t'), NOW.getTime() - Math.round(days * DAY))
    const then = aged(8.5).protective
    const changes = (days: number) => {
      const { protective, shortest } = aged(days)
      return configChanges(then, protective, [], shortest).set
    }
    // It was made to last ten days.
    expect([changes(8.5), changes(9.01), changes(9.5)]).toEqual([{}, {}, {}])
    expect(changes(9.51)).toEqual({ 'retention.ms': String(11 * DAY) })
    expect(aged(9.51).shortest).toBe(String(Math.round(10.01 * DAY)))
    expect(made({ 'retention.ms': '-1' }).shortest).toBe('-1')
    // What the source keeps by its configs, a day above it, is never undercut.
    expect(aged(0.1).shortest).toBe(String(2 * DAY))
  })

  it('takes the larger message size', () => {
    expect(made({ 'max.message.bytes': '9000000' }).protective.get('max.message.bytes')).toBe(
      '9000000',
    )
    expect(made({ 'max.message.bytes': '1000' }).protective.get('max.message.bytes')).toBe(
      '1048588',
    )
  })

  it('leaves behind what Kafka does not know', () => {
    const { final, leftBehind } = made({
      'confluent.tier.enable': 'true',
      'leader.replication.throttled.replicas': '*',
    })
    expect(leftBehind).toEqual(['confluent.tier.enable', 'leader.replication.throttled.replicas'])
    expect(final.size).toBe(0)
  })
})

describe('keepsLess', () => {
  const less = (
    overrides: Record<string, string>,
    file: Record<string, string> = {},
    target: Record<string, string> = {},
  ) => {
    const source = topicSeen('t', [[0n, 5n]], overrides)
    const there = side('new')
    const brokerConfigs = new Map([
      ...there.brokerConfigs,
      ...Object.entries(target).map(([key, value]) => [key, { value, isOverride: false }] as const),
    ])
    const spec = topicSpec('t', { configs: new Map(Object.entries(file)) })
    const to = { ...there, brokerConfigs }
    return keepsLess(topicConfigs(spec, source, to, NOW), source, to)
  }

  it.each([
    ['the same on both sides', { 'retention.ms': String(3 * DAY) }, {}, {}, []],
    ['longer in the file', {}, { 'retention.ms': '-1' }, {}, []],
    [
      'shorter in the file',
      { 'retention.ms': '-1' },
      { 'retention.ms': String(DAY) },
      {},
      [`retention.ms=${DAY}`],
    ],
    [
      "the target's default, where nobody says one",
      {},
      {},
      { 'log.retention.ms': String(DAY) },
      [`retention.ms=${DAY}`],
    ],
    [
      'a size that the source does not have',
      { 'retention.bytes': '-1' },
      { 'retention.bytes': '1024' },
      {},
      ['retention.bytes=1024'],
    ],
    ['compaction', {}, { 'cleanup.policy': 'compact' }, {}, ['cleanup.policy=compact']],
    ['compaction on both sides', { 'cleanup.policy': 'compact' }, {}, {}, []],
  ])('%s', (_, overrides, file, target, expected) => {
    expect(less(overrides, file, target)).toEqual(expected)
  })
})

describe('configChanges', () => {
  const now = new Map([
    ['a', '1'],
    ['b', '2'],
    ['theirs', 'x'],
    ['retention.ms', '500'],
  ])
  it('changes and removes only what Ferry has a say in', () => {
    expect(configChanges(now, new Map([['a', '9']]), ['a', 'b', 'retention.ms'])).toEqual({
      set: { a: '9', b: null, 'retention.ms': null },
      was: { a: '1', b: '2', 'retention.ms': '500' },
    })
  })
  it('compares overrides: what holds by default, on whichever side, is no difference, and the value of the default is one more override where it is wanted', () => {
    const DEFAULT = String(7 * DAY)
    const changes = (
      source: Record<string, string>,
      file: Record<string, string>,
      target: Record<string, string>,
    ) => {
      const spec = topicSpec('t', { configs: new Map(Object.entries(file)) })
      const { final } = topicConfigs(spec, topicSeen('t', [], source), side('new'), NOW)
      return configChanges(overrides(topicSeen('t', [], target)), final, ['retention.ms']).set
    }
    const pinned = { 'retention.ms': DEFAULT }
    expect(topicSeen('t', []).configs?.get('retention.ms')).toMatchObject({ value: DEFAULT })
    expect(changes({}, {}, {})).toEqual({})
    // Written down once, it stays when the default changes; and it is there then, so that no plan shows it again.
    for (const [source, file] of [
      [pinned, {}],
      [{}, pinned],
    ] as const) {
      expect(changes(source, file, {})).toEqual(pinned)
      expect(changes(source, file, pinned)).toEqual({})
    }
  })
  it('lets a longer retention be where it only has to be long enough', () => {
    const wanted = new Map([['retention.ms', '400']])
    expect(configChanges(now, wanted, [], wanted.get('retention.ms')).set).toEqual({})
    expect(configChanges(now, wanted, []).set).toEqual({
      'retention.ms': '400',
    })
  })
})

describe('chooseMode', () => {
  const source = (start: bigint, overrides = {}, tail = 'plain') =>
    topicSeen('t', [[start, start + 10n, { tail: tail as 'plain' }]], overrides)
  const halves = topicSeen(
    't',
    [1, 2].map(() => [PRIME_LIMIT / 2n + 1n, PRIME_LIMIT / 2n + 9n] as const),
  )
  const mode = (...args: Parameters<typeof chooseMode>) => {
    const { mode, impossible } = chooseMode(...args)
    return impossible ? `${mode}, impossible` : mode
  }
  const auto = topicSpec('t')
  const identical = topicSpec('t', { offsets: 'identical' })
  it.each([
    ['near log starts', auto, source(5n), undefined, 'identical'],
    ['at the limit', auto, source(PRIME_LIMIT), undefined, 'identical'],
    ['beyond the limit', auto, source(PRIME_LIMIT + 1n), undefined, 'dense'],
    ['beyond the limit with all of its partitions', auto, halves, undefined, 'dense'],
    [
      'beyond the limit, but asked for',
      identical,
      source(PRIME_LIMIT + 1n),
      undefined,
      'identical',
    ],
    ['compacted', auto, source(0n, { 'cleanup.policy': 'compact,delete' }), undefined, 'dense'],
    ['transactional', auto, source(0n, {}, 'transactional'), undefined, 'dense'],
    ['asked for', topicSpec('t', { offsets: 'dense' }), source(0n), undefined, 'dense'],
    ['target primed higher', auto, source(5n), topicSeen('t', [[6n, 6n]]), 'dense'],
    [
      'target primed higher, but asked for',
      identical,
      source(5n),
      topicSeen('t', [[6n, 6n]]),
      'identical, impossible',
    ],
    ['not allowed to pad', auto, source(5n), undefined, 'dense', new Set(['DESCRIBE'])],
    ['allowed to pad', auto, source(5n), undefined, 'identical', new Set(['ALTER'])],
    ['target primed lower', auto, source(5n), topicSeen('t', [[4n, 4n]]), 'identical'],
  ] as const)('%s', (_, spec, from, to, expected, rights?: ReadonlySet<string>) => {
    expect(mode(spec, from, to, undefined, rights)).toBe(expected)
  })
})

describe('writeFence', () => {
  const write = { ...ACCESS.afterSeal[0]!, principal: 'User:p' }
  it.each([
    ['nobody', [], []],
    ['by name', [write], ['User:p']],
    ['by prefix', [{ ...write, resourceName: 'ord', patternType: 'PREFIXED' }], ['User:p']],
    ['by the wildcard', [{ ...write, resourceName: '*' }], ['User:p']],
    ['by ALL', [{ ...write, operation: 'ALL' }], ['User:p']],
    ['not by READ', [{ ...write, operation: 'READ' }], []],
    ['not where denied', [write, { ...write, permission: 'DENY' }], []],
    [
      'not where everybody is denied',
      [write, { ...write, permission: 'DENY', principal: 'User:*' }],
      [],
    ],
    ['not another topic', [{ ...write, resourceName: 'bills' }], []],
  ] as const)('%s', (_, acls, writers) => {
    expect(writeFence(side('new', { acls: acls as never }), topic('orders'))).toEqual({
      writers,
      unfenced: null,
    })
  })

  it('says where ACLs mean nothing', () => {
    const open = new Map([['allow.everyone.if.no.acl.found', { value: 'true', isOverride: false }]])
    expect(writeFence(side('new', { brokerConfigs: open }), topic('orders')).unfenced).toMatch(
      /allow.everyone/,
    )
    expect(writeFence(side('new', { acls: 'no-authorizer' }), topic('orders')).unfenced).toMatch(
      /no authorizer/,
    )
  })

  it('names what may lose records', () => {
    expect(durabilityRisks(side('new'), topic('t'), 3, 2)).toEqual([])
    expect(durabilityRisks(side('new'), topic('t'), 2, 1)).toEqual([
      'replication factor 2',
      'min.insync.replicas 1',
    ])
  })
})
