import { deepStrictEqual, ok } from 'node:assert'
import { describe, it } from 'vitest'
import { planStructureProblems } from '../../src/app/plan-structure.ts'
import type { GroupId, TopicName } from '../../src/domain/ids.ts'
import type { Step, StepKindName } from '../../src/domain/step.ts'
import { aPlan } from '../views/a-plan.ts'

const topic = 'orders.events' as TopicName
const group = 'orders-api' as GroupId
const base = {
  id: 'some/step',
  stage: 'prepared',
  reason: 'because',
  undo: { cost: 'free', says: 'delete' },
} as const

/** One of each kind: a kind or a field that is added to `domain/step.ts` does not compile here until the schema is thought of. */
const STEPS: { readonly [K in StepKindName]: Extract<Step, { kind: K }> } = {
  'remove-object': {
    ...base,
    kind: 'remove-object',
    on: 'source',
    object: { kind: 'topic', topic },
    there: '1 partition, 0 offsets',
    topicId: null,
    ours: false,
    groups: [group],
    isMirrored: true,
  },
  'add-partitions': { ...base, kind: 'add-partitions', topic, from: 2, to: 3 },
  'put-back': { ...base, kind: 'put-back', object: { kind: 'group', group } },
  protect: {
    ...base,
    kind: 'protect',
    object: { kind: 'user', name: 'u' },
    preventDelete: true,
  },
  'create-topic': {
    ...base,
    kind: 'create-topic',
    topic,
    partitions: 3,
    replicationFactor: -1,
    configs: { 'retention.ms': '1' },
    notes: [],
  },
  'configure-topic': {
    ...base,
    kind: 'configure-topic',
    topic,
    phase: 'final',
    set: { 'retention.ms': null },
    was: { 'retention.ms': '1' },
  },
  'set-user': {
    ...base,
    kind: 'set-user',
    user: 'u',
    mechanism: 'scram-sha-512',
    passwordVersion: 1,
  },
  'set-quota': {
    ...base,
    kind: 'set-quota',
    user: 'u',
    producerByteRate: null,
    consumerByteRate: 1,
  },
  'grant-access': {
    ...base,
    kind: 'grant-access',
    principal: 'User:u',
    when: 'at-once',
    acls: [
      {
        resourceType: 'TOPIC',
        resourceName: topic,
        patternType: 'PREFIXED',
        principal: 'User:u',
        host: '*',
        operation: 'READ',
        permission: 'ALLOW',
      },
    ],
    says: 'consume',
  },
  'mark-topic': {
    ...base,
    kind: 'mark-topic',
    topic,
    partitions: 3,
    mode: 'dense',
    because: 'compacted',
    prime: '0',
  },
  'mirror-topic': {
    ...base,
    kind: 'mirror-topic',
    topic,
    partitions: 3,
    records: '12',
    bytesEstimate: 1.5,
    lagAllowed: 0,
    throttle: null,
  },
  'verify-topic': {
    ...base,
    kind: 'verify-topic',
    topic,
    sample: 100,
    durableAfterMs: null,
  },
  'sync-group': {
    ...base,
    kind: 'sync-group',
    group,
    topics: [topic],
    uncommitted: 'absent',
    allowRewind: false,
    committed: 2,
    partitions: 3,
  },
  'seal-topic': { ...base, kind: 'seal-topic', topic, partitions: 3, quietMs: 1 },
  'reopen-topic': { ...base, kind: 'reopen-topic', topic, late: '1' },
  retire: { ...base, kind: 'retire', topics: [topic], groups: [group] },
  'revoke-access': {
    ...base,
    kind: 'revoke-access',
    principal: 'User:u',
    fences: null,
    acls: [
      {
        resourceType: 'TOPIC',
        resourceName: topic,
        patternType: 'PREFIXED',
        principal: 'User:u',
        host: '*',
        operation: 'READ',
        permission: 'ALLOW',
      },
    ],
    groups: [group],
  },
  'mark-reverse': {
    ...base,
    kind: 'mark-reverse',
    topic,
    partitions: 3,
    mode: 'dense',
    because: 'a reason',
  },
  'mirror-reverse': {
    ...base,
    kind: 'mirror-reverse',
    topic,
    partitions: 3,
    records: '12',
    throttle: null,
    givesUpRollback: true,
  },
  'seal-reverse': { ...base, kind: 'seal-reverse', topic, partitions: 3, quietMs: 1 },
  'verify-reverse': { ...base, kind: 'verify-reverse', topic },
  'return-group': {
    ...base,
    kind: 'return-group',
    group,
    topics: [topic],
    positions: 3,
    consumed: '12',
  },
  'restore-group': {
    ...base,
    kind: 'restore-group',
    group,
    topics: [topic],
    restored: 1,
    deleted: 2,
  },
  'forget-mark': {
    ...base,
    kind: 'forget-mark',
    topic,
    partitions: 3,
    purge: 'copy',
    records: '12',
    losing: [{ group, positions: 2 }],
  },
  'accept-gap': {
    ...base,
    kind: 'accept-gap',
    topic,
    partition: 3,
    from: '100',
    to: '150',
    code: 'FERRY1602',
    offsets: 'padded',
    losing: [{ group, side: 'source', offsets: '50' }],
  },
  'delete-topic': { ...base, kind: 'delete-topic', topic, topicId: null },
  'remove-user': { ...base, kind: 'remove-user', user: 'u', mechanism: 'scram-sha-256' },
  'restore-quota': {
    ...base,
    kind: 'restore-quota',
    user: 'u',
    producerByteRate: null,
    consumerByteRate: 1,
  },
}

/** A rate that is absent was not Ferry's; only a plan forwards gives a rollback up. */
const OPTIONAL = new Map([
  ['restore-quota', ['producerByteRate', 'consumerByteRate']],
  ['mirror-reverse', ['givesUpRollback']],
  // Plans of earlier versions.
  ['verify-topic', ['durableAfterMs']],
])

describe('schemas/plan.schema.json', () => {
  for (const [kind, step] of Object.entries(STEPS)) {
    it(`knows ${kind}, every field of it, and no other`, async () => {
      const problems = (change: object) =>
        planStructureProblems(
          JSON.parse(JSON.stringify({ ...aPlan(), steps: [{ ...step, ...change }] })),
        )
      deepStrictEqual(await problems({}), [])
      ok((await problems({ more: 1 })).length > 0)
      for (const field of Object.keys(step)) {
        if (OPTIONAL.get(kind)?.includes(field)) continue
        ok((await problems({ [field]: undefined })).length > 0, `${kind} without ${field}`)
      }
    })
  }

  it('knows problems with and without a place', async () => {
    const problem = { code: 'FERRY1304', severity: 'error', summary: 's', detail: 'd', fix: 'f' }
    const at = { file: 'f', line: 1, column: 1, pointer: '' }
    deepStrictEqual(
      await planStructureProblems({ ...aPlan(), problems: [problem, { ...problem, at }] }),
      [],
    )
  })

  it('names at most three things', async () => {
    deepStrictEqual((await planStructureProblems({})).length, 3)
  })
})
