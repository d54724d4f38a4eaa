import { describe, expect, it } from 'vitest'
import { type AclBinding, aclKey } from '../../src/domain/access.ts'
import type { TopicName } from '../../src/domain/ids.ts'
import type { MigrationState } from '../../src/domain/state.ts'
import type { RemoveObject } from '../../src/domain/step.ts'
import { removeObject } from '../../src/steps/remove-object.ts'
import type { Run } from '../../src/steps/step-kind.ts'
import { keeping } from './_keeping.ts'

/** What the step itself refuses and remembers; that brokers delete is for test/scenarios/removed.test.ts. */

const topic = 'old' as TopicName
const step: RemoveObject = {
  kind: 'remove-object',
  id: 'remove/target/topic/old',
  stage: 'prepared',
  reason: 'r',
  undo: { cost: 'impossible', says: '' },
  on: 'target',
  object: { kind: 'topic', topic },
  there: '',
  topicId: 'planned',
  ours: false,
  groups: [],
  isMirrored: false,
}

/** A target that has this topic, and a list of what was deleted there. */
const runOn = (topicId: string | null) => {
  const deleted: string[] = []
  const kept = keeping({ createdTopics: [topic] })
  const found = topicId === null ? 'absent' : { name: topic, topicId, partitions: [] }
  const target = {
    name: 'new',
    describeTopics: async () => ({ ok: new Map([[topic, found]]), failed: new Map() }),
    deleteTopics: async (names: readonly string[]) => {
      deleted.push(...names)
      return { ok: new Map(names.map((name) => [name, undefined])), failed: new Map() }
    },
  }
  const run = {
    clusters: { target },
    ...kept,
  } as unknown as Run
  return { run, deleted, createdTopics: () => kept.state().createdTopics }
}

it('deletes the very topic that was planned', async () => {
  const { run, deleted, createdTopics } = runOn('planned')
  expect(await removeObject.apply(step, run)).toMatchObject({ done: true })
  expect([deleted, createdTopics()]).toEqual([[topic], []])
})

it('never deletes another topic of the same name', async () => {
  const { run, deleted, createdTopics } = runOn('made anew')
  expect(await removeObject.apply(step, run)).toMatchObject({
    done: false,
    problem: { code: 'FERRY1331' },
  })
  expect([deleted, createdTopics()]).toEqual([[], [topic]])
})

it('is done where it is gone already', async () => {
  const { run, deleted, createdTopics } = runOn(null)
  expect(await removeObject.apply(step, run)).toMatchObject({ done: true })
  expect([deleted, createdTopics()]).toEqual([[], []])
})

describe('an ACL', () => {
  const acl: AclBinding = {
    resourceType: 'TOPIC',
    resourceName: 'old',
    patternType: 'LITERAL',
    principal: 'User:api',
    host: '*',
    operation: 'READ',
    permission: 'ALLOW',
  }
  const object = { kind: 'acl', acl } as const
  const left = { grants: [], removals: [] }
  const remembered = { grants: [], removals: [{ object, commits: new Map() }] }

  /** The first run is killed around its deletion, the second goes on. What the state has after each. */
  const killed = async (
    given: Pick<MigrationState, 'grants' | 'granting' | 'removals'>,
    at: 'before' | 'after',
  ) => {
    const kept = keeping(given)
    const deleted: string[] = []
    let dies = true
    const target = {
      describeAcls: async () => (deleted.length > 0 ? [] : [acl]),
      deleteAcls: async ([one]: readonly AclBinding[]) => {
        if (at === 'after' || !dies) deleted.push(one!.principal)
        if (dies) throw new Error('killed')
        return { ok: new Map([[aclKey(one!), undefined]]), failed: new Map() }
      },
    }
    const run = {
      clusters: { target },
      ...kept,
    } as unknown as Run
    const seen = () => {
      const { grants, granting, removals } = kept.state()
      return { grants, ...(granting && { granting }), removals }
    }
    await expect(removeObject.apply({ ...step, object }, run)).rejects.toThrow('killed')
    const during = seen()
    dies = false
    expect(await removeObject.apply({ ...step, object }, run)).toMatchObject({ done: true })
    expect(deleted.length).toBe(1)
    return { during, after: seen() }
  }

  it.each(['before', 'after'] as const)(
    'that Ferry made is its own until it is gone: killed %s the deletion, nothing is left to be put back',
    async (at) => {
      const ours = { grants: [acl], removals: [] }
      expect(await killed(ours, at)).toEqual({ during: ours, after: left })
    },
  )

  it.each([
    ['somebody else made', left],
    ['was asked for and not answered', { ...left, grants: [acl], granting: [acl] }],
    ['was removed, and asked for again', { ...remembered, grants: [acl], granting: [acl] }],
  ])('that %s is remembered before it is deleted, and only once', async (_, given) => {
    for (const at of ['before', 'after'] as const) {
      expect(await killed(given, at)).toEqual({ during: remembered, after: remembered })
    }
  })

  it('that is gone when its turn comes is not remembered, nor kept as made by Ferry', async () => {
    for (const given of [
      left,
      { ...left, grants: [acl] },
      { ...left, grants: [acl], granting: [acl] },
    ]) {
      const kept = keeping(given)
      const run = {
        clusters: { target: { describeAcls: async () => [] } },
        ...kept,
      } as unknown as Run
      expect(await removeObject.apply({ ...step, object }, run)).toMatchObject({ done: true })
      const { grants, granting = [], removals } = kept.state()
      expect({ grants, granting, removals }).toEqual({ ...left, granting: [] })
    }
  })
})

it('asks nothing about what was gone when it was planned, and takes out who made it', async () => {
  const { run, deleted, createdTopics } = runOn('made since by others')
  expect(await removeObject.apply({ ...step, isGone: true }, run)).toMatchObject({ done: true })
  expect([deleted, createdTopics()]).toEqual([[], []])
  expect(removeObject.describe({ ...step, isGone: true })).toMatchObject({ symbol: '~' })
})
