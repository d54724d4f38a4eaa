import { describe, expect, test } from 'vitest'
import { allIsThere } from '../../src/doctor/answers.ts'
import { type Check, type Finding, runChecks } from '../../src/doctor/check.ts'
import { CLUSTER_CHECKS } from '../../src/doctor/checks.ts'
import { clientsAreNew } from '../../src/doctor/clients.ts'
import { judgeClock } from '../../src/doctor/clock.ts'
import { judgeCoverage, ownedBy } from '../../src/doctor/coverage.ts'
import { judgeRoom } from '../../src/doctor/disk.ts'
import { sourceIsInSync } from '../../src/doctor/durability.ts'
import type { NeededRight } from '../../src/doctor/needed-rights.ts'
import { type NewestValues, newestValues } from '../../src/doctor/newest-values.ts'
import { orderFits } from '../../src/doctor/order.ts'
import { judgeRetention } from '../../src/doctor/retention.ts'
import { judge, type RightsSeen } from '../../src/doctor/rights.ts'
import { judgeValues, looksRegistered, schemaIdOf } from '../../src/doctor/schema-ids.ts'
import { brokersSpeakEnough, refusesOldClients, releasesOf } from '../../src/doctor/versions.ts'
import type { AclBinding, Operation } from '../../src/domain/access.ts'
import { diagnostic, FerryError } from '../../src/domain/diagnostic.ts'
import { partitionKey } from '../../src/domain/ids.ts'
import type { Migration } from '../../src/domain/migration.ts'
import { encodeBatch } from '../../src/records/index.ts'
import {
  group,
  groupSeen,
  migration,
  NOW,
  observed,
  topic,
  topicSeen,
  topicSpec,
} from '../planner/_build.ts'

const problem = (severity: 'error' | 'warning') =>
  diagnostic({ code: 'FERRY2006', severity, detail: 'd', fix: 'f' })

test('coverage says what nobody can see', () => {
  const seen = {
    cluster: 'old',
    topics: new Set([topic('orders')]),
    groups: new Map([
      [group('api'), { protocolType: 'consumer', topics: new Set([topic('orders')]) }],
    ]),
    transactionalIds: new Map(),
    unread: [],
  }
  expect(judgeCoverage(migration(), [], seen)).toEqual({
    says: '1 of 1 groups with live commits on its topics are in a plan file; readers without a group cannot be seen on any topic',
    problems: [],
  })
})

describe('the order', () => {
  const said = (parts: Parameters<typeof migration>[0], retention = '604800000') => {
    const topics = new Map([
      [topic('orders'), topicSeen('orders', [[100n, 1100n]], { 'retention.ms': retention })],
    ])
    const found = orderFits({
      migration: migration(parts),
      observed: observed({ source: { topics } }),
      source: { now: () => NOW },
    })
    return [found.says, found.problems?.map(({ code, severity }) => `${severity} ${code}`)]
  }

  test('is recommended and explained, also where the file has it already', () => {
    expect(said({})).toEqual([
      expect.stringMatching(/^consumers-first \(as the plan file says\): the mirror keeps up/),
      [],
    ])
  })

  test('that the file has without need is said; one that loses something is a warning', () => {
    expect(said({ order: 'producers-first' })).toEqual([
      expect.stringMatching(/^consumers-first \(the plan file says producers-first\): the mirror/),
      [],
    ])
    expect(said({ order: 'producers-first' }, '7200000')).toEqual([
      expect.stringMatching(
        /^consumers-first \(the plan file says producers-first\): api is 500 records behind on orders-0, and the oldest of them expire/,
      ),
      ['warning FERRY1341'],
    ])
    expect(said({ mirror: { throttle: 20, startFrom: 'earliest' } })).toEqual([
      expect.stringMatching(
        /^producers-first \(the plan file says consumers-first\): .* fall behind/,
      ),
      ['warning FERRY1341'],
    ])
  })
})

describe('running checks', () => {
  const check = (parts: Partial<Check<unknown>>): Check<unknown> => ({
    id: 'x',
    title: 'X holds',
    look: () => ({ says: '' }),
    ...parts,
  })
  const refused = () => {
    throw new FerryError(problem('error'))
  }

  test.each([
    ['ok', check({})],
    ['warning', check({ look: () => ({ says: '', problems: [problem('warning')] }) })],
    [
      'failed',
      check({ look: () => ({ says: '', problems: [problem('warning'), problem('error')] }) }),
    ],
    ['skipped', check({ skip: () => 'no groups', look: refused })],
    ['failed', check({ look: refused })],
    ['skipped', check({ look: refused, optional: true })],
  ] as const)('%s', async (status, one) => {
    const results = await runChecks([one, check({ id: 'after' })], {}, () => {})
    expect(results.map((each) => [each.id, each.status])).toEqual([
      ['x', status],
      ['after', 'ok'],
    ])
  })

  test('what no check can expect is thrown', async () => {
    const broken = check({
      optional: true,
      look: () => {
        throw new TypeError('a bug')
      },
    })
    await expect(runChecks([broken], {}, () => {})).rejects.toThrow('a bug')
  })
})

describe('clocks', () => {
  const reading = (aheadMs: number, uncertaintyMs = 20) =>
    judgeClock('new', { of: 'controller 1', aheadMs, uncertaintyMs }).problems?.filter(
      ({ code }) => code === 'FERRY2002',
    ).length ?? 0

  test('apart is what no slow answer can explain', () => {
    expect([0, 1000, -1000, 1020].map((ahead) => reading(ahead))).toEqual([0, 0, 0, 0])
    expect([1021, -1021].map((ahead) => reading(ahead))).toEqual([1, 1])
    expect(reading(5000, 4500)).toBe(0)
  })

  test('are behind this machine, or ahead of it', () => {
    const says = (aheadMs: number) =>
      judgeClock('new', { of: 'controller 1', aheadMs, uncertaintyMs: 20 }).says
    expect([says(-7), says(7)]).toEqual([
      expect.stringContaining('is 7 ms behind this machine'),
      expect.stringContaining('is 7 ms ahead of this machine'),
    ])
  })
})

test('another cluster is named once, and what it speaks is not taken for what the pinned one does', async () => {
  const problem = {
    code: 'FERRY1201',
    severity: 'error',
    summary: 's',
    detail: 'another',
    fix: 'f',
  }
  const address = { address: 'h:1', problem, clusterId: 'b', versions: new Map() }
  const facts = {
    spec: { name: 'old', clusterId: 'a' },
    probe: { bootstrap: [address], advertised: [{ ...address, nodeId: 1 }] },
    cluster: undefined,
    connectProblems: [problem],
    roles: new Set(['source']),
  } as never
  const found = await runChecks(CLUSTER_CHECKS, facts, () => {})
  expect(found.map(({ id, status, problems }) => [id, status, problems.length])).toEqual([
    ['bootstrap-servers', 'ok', 0],
    ['advertised-brokers', 'ok', 0],
    ['cluster-id', 'failed', 1],
    ['versions', 'skipped', 0],
    ['connection', 'skipped', 0],
    ['clock', 'skipped', 0],
  ])
})

describe('what a source has lost, or may', () => {
  const seen = (logStart: bigint, committed: bigint, isr: readonly number[] = [1, 2, 3]) => {
    const topics = new Map([[topic('orders'), topicSeen('orders', [[logStart, 100n]])]])
    const { description } = topics.get(topic('orders'))!
    Object.assign(description.partitions[0]!, { isr })
    const groups = new Map([[group('api'), groupSeen('api', { 'orders:0': committed })]])
    return { migration: migration(), observed: observed({ source: { topics, groups } }) }
  }
  const codes = (problems: Finding['problems']) =>
    problems?.map(({ code, detail }) => `${code} ${detail}`)

  test('a group below the log start has lost records before any migration', () => {
    const sizes = { of: new Map(), how: 'measured' } as never
    expect(codes(judgeRetention(seen(40n, 40n), sizes).problems)).toEqual([])
    expect(codes(judgeRetention(seen(40n, 37n), sizes).problems)).toEqual([
      expect.stringMatching(
        /^FERRY2005 api stands at 37 of orders-0 on old, .* begins at 40: 3 offsets were deleted/,
      ),
    ])
  })

  test('a partition whose replicas are not all in sync', () => {
    expect(codes(sourceIsInSync(seen(0n, 0n)).problems)).toEqual([])
    expect(codes(sourceIsInSync(seen(0n, 0n, [1, 2])).problems)).toEqual([
      'FERRY2009 orders-0 on old has 2 of 3 replicas in sync.',
    ])
  })
})

describe('disk', () => {
  const GIB = 2 ** 30
  const severities = (needed: number, usable: number | undefined) =>
    judgeRoom('new', needed, usable, 'measured').problems?.map(({ code, severity }) => [
      code,
      severity,
    ]) ?? []

  test('too little fails, little warns, unknown asks', () => {
    expect(severities(7 * GIB, 10 * GIB)).toEqual([])
    expect(severities(7.1 * GIB, 10 * GIB)).toEqual([['FERRY2006', 'warning']])
    expect(severities(10.1 * GIB, 10 * GIB)).toEqual([['FERRY2006', 'error']])
    expect(severities(1, undefined)).toEqual([['FERRY2003', 'warning']])
  })
})

describe('versions', () => {
  const fetch = (range: readonly [number, number]) => ({
    versions: new Map([['Fetch' as const, range]]),
  })

  test('releases by their Fetch, and who refuses clients from before 0.11', () => {
    expect(releasesOf(fetch([0, 3]))).toBe('0.10.1 or 0.10.2')
    expect(releasesOf(fetch([0, 12]))).toBe('2.7 to 3.0')
    expect(releasesOf(fetch([4, 18]))).toBe('4.1 or later')
    expect(refusesOldClients(fetch([0, 17]))).toBe(false)
    expect(refusesOldClients(fetch([4, 17]))).toBe(true)
  })
})

describe('clients that a new target refuses', () => {
  const told = (type: string, ...clientIds: readonly string[]) => {
    const seen = groupSeen('api', {})
    const members = clientIds.map((clientId) => ({ memberId: clientId, clientId, host: '/h' }))
    const description = { ...seen.description, type, members } as never
    const groups = new Map([[group('api'), { ...seen, description }]])
    const advertised = [{ versions: new Map([['Fetch', [4, 17]]]) }]
    const target = { probe: { advertised }, spec: { name: 'new' } } as never
    const found = clientsAreNew({
      migration: migration(),
      observed: observed({ source: { groups } }),
      target,
    })
    return found.problems?.map(({ code, detail }) => `${code} ${detail.replace(/.*: /s, '')}`)
  }

  test('are asked for, unless their protocol or their client id tells', () => {
    expect(told('classic')).toEqual([expect.stringMatching(/2003 .*no members now/)])
    expect(told('classic', 'a', 'b')).toEqual([
      expect.stringMatching(/2003 .*api \(a on \/h, b on \/h\)/),
    ])
    expect(told('consumer', 'a')).toEqual([])
    expect(told('consumer')).toEqual([expect.stringContaining('2003')])
    expect(told('classic', 'kafka-python-2.0.2', 'kafka-python-2.10.0')).toEqual([])
    for (const old of ['kafka-python-1.4.7', 'kafka-python-2.0.1']) {
      expect(told('classic', old)).toEqual([expect.stringContaining(`2015 ${old} on /h`)])
    }
    expect(told('classic', 'kafka-python-1.4.7', 'rdkafka')).toEqual([
      expect.stringContaining('2015 kafka-python-1.4.7'),
      expect.stringMatching(/2003 .*api \(rdkafka on \/h\)/),
    ])
  })
})

describe('what brokers must speak', () => {
  const at = { file: 'clusters/new.yaml', line: 1, column: 1, pointer: '' }
  const broker = (metadata: number) => ({
    versions: new Map<string, readonly [number, number]>([
      ['Metadata', [0, metadata]],
      ['Fetch', [0, 12]],
    ]),
  })
  const missing = (...versions: readonly number[]) =>
    brokersSpeakEnough({
      spec: { name: 'new', bootstrapAt: at },
      probe: { advertised: versions.map(broker) },
      roles: new Set(['target']),
    } as never)
      .problems?.filter(({ detail }) => detail.includes('lacks Metadata v10'))
      .map(({ code, severity, detail }) => `${severity} ${code} ${detail}`)

  test('is told for the whole cluster, or for so many brokers of it', () => {
    expect(missing(10, 12)).toEqual([])
    expect(missing(9, 9)).toEqual([
      expect.stringMatching(/^error FERRY2001 new \(target\) lacks Metadata v10.* 2\.8/),
    ])
    expect(missing(9, 10)).toEqual([expect.stringMatching(/FERRY2001 1 brokers of it \(target\)/)])
  })
})

describe('values of a schema registry', () => {
  test('0, an id in four bytes, a payload', () => {
    expect(schemaIdOf(Buffer.from([0, 0, 0, 1, 5, 9]))).toBe(261)
    expect(schemaIdOf(null)).toBeUndefined()
    expect(schemaIdOf(Buffer.from([0, 0, 0, 1, 5]))).toBeUndefined()
    expect(schemaIdOf(Buffer.from([1, 0, 0, 1, 5, 9]))).toBeUndefined()
    expect(schemaIdOf(Buffer.from([0, 0, 0, 0, 0, 9]))).toBeUndefined()
    expect(schemaIdOf(Buffer.from([0, 255, 0, 0, 0, 9]))).toBeUndefined()
  })

  test('most values, not some', () => {
    const seen = (sampled: number, matching: number) => ({ sampled, matching, ids: new Set([1]) })
    expect([seen(0, 0), seen(10, 7), seen(10, 8)].map(looksRegistered)).toEqual([
      false,
      false,
      true,
    ])
  })

  const registered = Buffer.from([0, 0, 0, 0, 42, 7])
  const at = { file: 'plans/x.yaml', line: 1, column: 1, pointer: '' }
  const judged = (...each: readonly NewestValues[]) => {
    const found = each.map((newest, i) => ({ topic: { name: topic(`t${i}`), at }, newest }))
    const { says, problems } = judgeValues(found, { source: 'old', target: 'new' })
    return [says, ...problems!.map(({ code, detail }) => `${code} ${detail.split('. ')[0]}`)]
  }
  const newest = (values: readonly Buffer[], partitions = 1, ...notLooked: readonly string[]) => ({
    values,
    partitions,
    notLooked,
  })

  test('what was not seen is a question, and not a no', () => {
    const text = Buffer.from('text')
    expect(judged(newest([registered]), newest([text]), newest([], 0))).toEqual([
      '1 of 3 topics look like it, by 2 of their newest values; 1 topic of them without records',
      expect.stringMatching(/^FERRY2003 1 of 1 sampled values of t0 begin .*an id: 42\)/),
    ])
    expect(judged(newest([], 2))).toContainEqual(
      'FERRY2003 Whether values of t0 on old hold ids of a schema registry cannot be told: none of the newest records of 2 partitions has a value',
    )
    const gone = ['t0:0 (NOT_LEADER)', 't0:1 (lost)']
    expect(judged(newest([], 2, ...gone))[1]).toMatch(/NOT_LEADER\), t0:1 \(lost\) could not be/)
    expect(judged(newest([text], 3, ...gone))[1]).toMatch(/looked at, 1 value of other partitions/)
    // One partition says enough.
    expect(judged(newest([registered], 3, ...gone))[1]).toMatch(/^FERRY2003 1 of 1 sampled/)
  })

  const batch = (...values: readonly (Buffer | null)[]) =>
    encodeBatch({
      baseOffset: 0,
      records: values.map((value) => ({ timestamp: 1, key: null, value })),
    })

  /** What is made of each answer of a broker; nothing here claims anything about one. */
  const looked = async (records: Buffer | Error, errorCode = 0, leader = 1) => {
    const name = topic('t')
    const key = partitionKey(name, 0)
    const link = {
      fetch: async () => {
        if (records instanceof Error) throw records
        return [{ topic: name, partition: 0, errorCode, records }]
      },
      close: async () => {},
    }
    const cluster = {
      leaders: async () => new Map([[key, { leader, leaderEpoch: 0 }]]),
      connectBroker: async () => link,
    }
    const found = await newestValues(
      cluster as never,
      [topicSeen('t', [[0n, 10n]])],
      new AbortController().signal,
    )
    const { values, notLooked } = found.get(name)!
    return [values.map(String), ...notLooked]
  }

  test('each reason why nothing was seen is told', async () => {
    const fine = batch(Buffer.from('a'), null, Buffer.from('b'))
    expect(await looked(fine)).toEqual([['a', 'b']])
    expect(await looked(fine, 0, -1)).toEqual([[], 't:0 (it has no leader)'])
    expect(await looked(fine, 6)).toEqual([[], 't:0 (NOT_LEADER_OR_FOLLOWER)'])
    expect(await looked(new Error('lost'))).toEqual([[], 't:0 (lost)'])
    const unknown = Buffer.from(fine)
    unknown[16] = 9
    expect(await looked(unknown)).toEqual([[], 't:0 (its records are unknown-magic)'])
    const broken = Buffer.from(fine)
    broken[61] = 99
    expect(await looked(broken)).toEqual([[], expect.stringContaining('t:0 (')])
  })
})

test('topics of Connect and Streams by their names', () => {
  expect(['connect-offsets', 'a-store-changelog', 'a-x-repartition'].map(ownedBy)).toEqual([
    'state of Kafka Connect',
    'a changelog of Kafka Streams',
    'a repartition topic of Kafka Streams',
  ])
  expect(ownedBy('orders.connect-events')).toBeUndefined()
})

describe('rights', () => {
  const read: NeededRight = {
    operation: 'READ',
    resourceType: 'TOPIC',
    resourceName: 'orders',
    patternType: 'LITERAL',
    verbs: ['apply'],
  }
  const acl = (changes: Partial<AclBinding> = {}): AclBinding => ({
    resourceType: 'TOPIC',
    resourceName: 'orders',
    patternType: 'LITERAL',
    principal: 'User:ferry',
    host: '*',
    operation: 'READ',
    permission: 'ALLOW',
    ...changes,
  })
  const seen = (changes: Partial<RightsSeen> = {}): RightsSeen => ({
    acls: [],
    cluster: undefined,
    topics: new Map(),
    refused: [],
    answeredGroups: new Set(),
    ...changes,
  })
  const bits = (...operations: Operation[]): ReadonlySet<Operation> => new Set(operations)
  const describe_ = { ...read, operation: 'DESCRIBE' as const }
  const absent = seen({ acls: 'not-read' })
  const ofGroup = { ...read, resourceType: 'GROUP' as const, resourceName: 'api' }
  const ofOthers = acl({ resourceType: 'GROUP', resourceName: 'api', principal: 'User:x' })
  const topicAllows = (operation: Operation) => new Map([['orders', bits(operation)]])

  test.each([
    ['no authorizer', read, seen({ acls: 'no-authorizer' }), 'yes'],
    ["the broker's yes", read, seen({ topics: new Map([['orders', bits('READ')]]) }), 'yes'],
    [
      "the broker's no, before any ACL",
      read,
      seen({ topics: new Map([['orders', bits('WRITE')]]), acls: [acl()] }),
      'no',
    ],
    ['an ACL', read, seen({ acls: [acl()] }), 'yes'],
    ['ALL', read, seen({ acls: [acl({ operation: 'ALL' })] }), 'yes'],
    [
      'a prefix',
      read,
      seen({ acls: [acl({ resourceName: 'or', patternType: 'PREFIXED' })] }),
      'yes',
    ],
    ['everybody', read, seen({ acls: [acl({ principal: 'User:*' })] }), 'yes'],
    ['somebody else', read, seen({ acls: [acl({ principal: 'User:x' })] }), 'no'],
    ['from one host only', read, seen({ acls: [acl({ host: '10.0.0.1' })] }), 'no'],
    ['a DENY wins', read, seen({ acls: [acl(), acl({ permission: 'DENY' })] }), 'no'],
    ['DESCRIBE follows from READ', describe_, seen({ acls: [acl()] }), 'yes'],
    ['READ does not follow', read, seen({ acls: [acl({ operation: 'DESCRIBE' })] }), 'no'],
    ['nothing to tell by', read, absent, 'unknown'],
    ['refused DESCRIBE says that READ is missing', read, { ...absent, refused: [describe_] }, 'no'],
    [
      'but nothing of ALTER_CONFIGS',
      { ...read, operation: 'ALTER_CONFIGS' as const },
      { ...absent, refused: [describe_] },
      'unknown',
    ],
    [
      'a prefix is not granted by its own text',
      { ...read, patternType: 'PREFIXED' as const },
      seen({ acls: [acl()] }),
      'no',
    ],
    [
      'but by a shorter one',
      { ...read, patternType: 'PREFIXED' as const },
      seen({ acls: [acl({ resourceName: 'ord', patternType: 'PREFIXED' })] }),
      'yes',
    ],
    ['a super user', read, seen({ cluster: bits('CLUSTER_ACTION') }), 'yes'],
    [
      'open to everybody, but not what an ACL names',
      read,
      seen({ cluster: bits('CLUSTER_ACTION'), acls: [acl({ principal: 'User:x' })] }),
      'no',
    ],
    [
      'a super user, whom a topic tells that others have ACLs on',
      ofGroup,
      seen({ acls: [ofOthers, acl({ principal: 'User:x' })], topics: topicAllows('READ') }),
      'yes',
    ],
    [
      'more on a topic that no ACL names may be open to everybody',
      ofGroup,
      seen({ acls: [ofOthers], topics: topicAllows('READ') }),
      'no',
    ],
    [
      'what an ACL allows from one host only tells of no super user',
      ofGroup,
      seen({ acls: [ofOthers, acl({ host: '10.0.0.1' })], topics: topicAllows('READ') }),
      'no',
    ],
    [
      'what a DENY keeps from another host tells of no super user',
      ofGroup,
      seen({
        acls: [ofOthers, acl(), acl({ permission: 'DENY', host: '10.0.0.1' })],
        topics: topicAllows('READ'),
      }),
      'no',
    ],
    [
      'DESCRIBE on a group whose positions were answered',
      { ...ofGroup, operation: 'DESCRIBE' as const },
      seen({ acls: [ofOthers], answeredGroups: new Set(['api']) }),
      'yes',
    ],
    [
      'but nothing else on it',
      ofGroup,
      seen({ acls: [ofOthers], answeredGroups: new Set(['api']) }),
      'no',
    ],
  ] as const)('%s', (_, right, sight, has) => {
    expect(judge(right, 'User:ferry', sight)).toBe(has)
  })

  test('whose name is unknown is not judged by ACLs', () => {
    expect(judge(read, undefined, seen({ acls: [acl()] }))).toBe('unknown')
  })
})

describe('what the plan file names', () => {
  const at = { file: 'plans/x.yaml', line: 1, column: 1, pointer: '' }
  const topic = (partitions: number) => ({ description: { partitions: Array(partitions) } })
  const facts = (parts: {
    readonly source?: Readonly<Record<string, number>>
    readonly target?: Readonly<Record<string, number>>
    readonly group?: object
    readonly problems?: readonly object[]
  }) =>
    ({
      migration: { name: 'm', topics: [{ name: 'a', at }], groups: [{ id: 'g', at }] },
      observed: {
        problems: parts.problems ?? [],
        source: {
          name: 'old',
          topics: new Map(Object.entries(parts.source ?? { a: 2 }).map(([k, n]) => [k, topic(n)])),
          absentTopics: new Set(
            parts.source && !('a' in parts.source) && !parts.problems ? ['a'] : [],
          ),
          groups: new Map(parts.group ? [['g', parts.group]] : []),
        },
        target: {
          name: 'new',
          topics: new Map(Object.entries(parts.target ?? {}).map(([k, n]) => [k, topic(n)])),
        },
      },
    }) as unknown as Parameters<typeof allIsThere>[0]
  const commits = new Map([['a:0', {}]])
  const live = { description: { state: 'empty' }, commits }
  const codes = (parts: Parameters<typeof facts>[0]) =>
    allIsThere(facts(parts)).problems?.map(({ code }) => code)

  test('is there, with equal partitions, or fails', () => {
    expect(codes({ group: live })).toEqual([])
    expect(codes({ group: live, target: { a: 2 } })).toEqual([])
    expect(codes({ group: live, target: { a: 3 } })).toEqual(['FERRY1304'])
    expect(codes({ group: live, source: {} })).toEqual(['FERRY1303'])
    const absent = { description: { state: 'absent' }, commits: new Map() }
    expect(codes({ group: absent })).toEqual(['FERRY1315'])
  })

  test('is not called missing where the cluster did not answer', () => {
    expect(codes({ source: {}, problems: [problem('error')] })).toEqual(['FERRY2006'])
    expect(allIsThere(facts({})).says).toMatch(/; 1 group could not be read$/)
  })
})

describe('what the plan file names', () => {
  const file = migration({
    topics: ['orders', 'gone', 'unread'].map((name) => topicSpec(name)),
    groups: ['api', 'nobody', 'silent'].map((id) => ({ ...migration().groups[0]!, id: group(id) })),
  })
  const seen = observed({
    source: {
      topics: new Map([[topic('orders'), topicSeen('orders', [[0n, 5n]])]]),
      absentTopics: new Set([topic('gone')]),
      groups: new Map([
        [group('api'), groupSeen('api', { 'orders:0': 1n })],
        [group('nobody'), groupSeen('nobody', {}, { state: 'absent' })],
      ]),
    },
  })

  test('is missing also where something else could not be read, which is said beside it', () => {
    const failed = problem('error')
    const found = allIsThere({ migration: file, observed: { ...seen, problems: [failed] } })
    expect(found.says).toBe(
      '1 of 3 topics and 1 of 3 groups are on old; 1 topic and 1 group could not be read',
    )
    expect(found.problems?.map(({ code, detail }) => `${code} ${detail}`)).toEqual([
      'FERRY2006 d',
      expect.stringMatching(/^FERRY1303 .*no topic gone\b/),
      expect.stringMatching(/^FERRY1315 .*no group nobody\./),
    ])
  })

  test('is not missed on the source once the file says that it is removed there', () => {
    const removed = [
      { on: 'source', object: { kind: 'topic', topic: topic('gone') }, reason: '' },
    ] as unknown as Migration['removed']
    const codes = (stage: Migration['stage']) =>
      allIsThere({ migration: { ...file, stage, removed }, observed: seen }).problems?.map(
        ({ code }) => code,
      )
    expect(codes('producers-moved')).toEqual(['FERRY1303', 'FERRY1315'])
    expect(codes('retired')).toEqual(['FERRY1315'])
  })
})
