import type { ClusterId, GroupId, PartitionKey, TopicName } from '../../src/domain/ids.ts'
import type { Plan } from '../../src/domain/plan.ts'
import type { Step } from '../../src/domain/step.ts'
import { kindOf } from '../../src/steps/index.ts'
import type { StepWords } from '../../src/views/step-words.ts'

const topic = 'orders.events' as TopicName
const group = 'orders-api' as GroupId
const free = (says: string) => ({ cost: 'free', says }) as const

/** A plan of every stage, with the awkward parts: a long name, a long sentence, a step that cannot be undone. */
export const aPlan = (change: Partial<Plan> = {}): Plan => ({
  formatVersion: '1.0',
  toolVersion: '0.1.0',
  migration: 'orders',
  purpose: { kind: 'migrate' },
  from: 'nothing',
  to: 'producers-moved',
  clusters: {
    source: { name: 'old-cloud', id: 'aaa' as ClusterId },
    target: { name: 'new-idc', id: 'bbb' as ClusterId },
  },
  createdAt: '2025-03-02T10:00:00.000Z',
  inputs: { 'plans/orders.yaml': 'a'.repeat(64) },
  steps: STEPS,
  fingerprint: { 'cluster ids': 'f00d' },
  invariants: [],
  deadlines: [
    {
      at: '2025-03-20T10:00:00.000Z',
      says: 'the synced positions of orders-api expire on new-idc unless its consumers start',
      about: { kind: 'target-commits', group: 'orders-api' as GroupId },
    },
    {
      at: '2025-03-04T18:20:00.000Z',
      says: 'retention of orders.events-7 on old-cloud is the first deadline',
      about: {
        kind: 'source-retention',
        partition: 'orders.events:7' as PartitionKey,
        offset: '12',
      },
    },
  ],
  problems: [],
  ...change,
})

const STEPS: readonly Step[] = [
  {
    kind: 'create-topic',
    id: 'create-topic/orders.events',
    stage: 'prepared',
    reason: 'new-idc has no topic of this name',
    undo: free('delete (empty)'),
    topic,
    partitions: 12,
    replicationFactor: 3,
    configs: { 'retention.ms': '691200000' },
    notes: ['retention 8d until the seal (source: 7d)'],
  },
  {
    kind: 'create-topic',
    id: 'create-topic/orders.events.dead-letters.of-the-audit',
    stage: 'prepared',
    reason: 'new-idc has no topic of this name',
    undo: free('delete (empty)'),
    topic: 'orders.events.dead-letters.of-the-audit' as TopicName,
    partitions: 1,
    replicationFactor: 3,
    configs: {},
    notes: [],
  },
  {
    kind: 'grant-access',
    id: 'grant-access/User:orders-api/at-once',
    stage: 'prepared',
    reason: 'it is missing',
    undo: { cost: 'restores', says: 'remove 1 ACL' },
    principal: 'User:orders-api',
    when: 'at-once',
    acls: [
      {
        resourceType: 'TOPIC',
        resourceName: topic,
        patternType: 'LITERAL',
        principal: 'User:orders-api',
        host: '*',
        operation: 'READ',
        permission: 'ALLOW',
      },
    ],
    says: 'consume orders.events as orders-api',
  },
  {
    kind: 'mark-topic',
    id: 'mark-topic/orders.events',
    stage: 'mirrored',
    reason: 'not marked',
    undo: free('forget the mark'),
    topic,
    partitions: 12,
    mode: 'identical',
    because: 'the target is empty',
    prime: '1200000',
  },
  {
    kind: 'mirror-topic',
    id: 'mirror-topic/orders.events',
    stage: 'mirrored',
    reason: 'not mirrored',
    undo: free('stop'),
    topic,
    partitions: 12,
    records: '41000000',
    bytesEstimate: 44_000_000_000,
    lagAllowed: 0,
    throttle: null,
  },
  {
    kind: 'sync-group',
    id: 'sync-group/orders-api',
    stage: 'consumers-moved',
    reason: 'not synced',
    undo: { cost: 'restores', says: 'restore 12 commits' },
    group,
    topics: [topic],
    uncommitted: 'absent',
    allowRewind: false,
    committed: 12,
    partitions: 12,
  },
  {
    kind: 'seal-topic',
    id: 'seal-topic/orders.events',
    stage: 'producers-moved',
    reason: 'not sealed',
    undo: { cost: 'impossible', says: 'what producers then write on new-idc is not on old-cloud' },
    topic,
    partitions: 12,
    quietMs: 300_000,
  },
]

/** Words of this test's own, so that a better sentence in a step changes the step's tests and not these. */
export const WORDS: StepWords = {
  describe: (step) => {
    const { symbol, noun, name } = kindOf(step.kind).describe(step)
    return { symbol, noun, name, says: SENTENCES[step.id] ?? 'a sentence' }
  },
  gates: (step) =>
    step.kind === 'sync-group'
      ? [
          'orders-api is empty on old-cloud',
          'orders-api is empty or absent on new-idc, and stays so until its positions are written',
        ]
      : [],
}

const SENTENCES: Readonly<Record<string, string>> = {
  'create-topic/orders.events': '12 partitions, rf 3, retention 8d until the seal (source: 7d)',
  'grant-access/User:orders-api/at-once': 'consume orders.events as orders-api (1 ACL)',
  'mark-topic/orders.events': '12 partitions, identical offsets, prime 1.2e6 (1 s)',
  'mirror-topic/orders.events': '41 GiB, about 9 min at 80 MiB/s',
  'sync-group/orders-api': '12 partitions, 0 skipped, 0 re-read',
  'seal-topic/orders.events': '12 partitions, once the source is quiet for 5m',
}
