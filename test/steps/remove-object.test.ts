import { expect, it } from 'vitest'
import type { TopicName } from '../../src/domain/ids.ts'
import { emptyState } from '../../src/domain/state.ts'
import type { RemoveObject } from '../../src/domain/step.ts'
import { removeObject } from '../../src/steps/remove-object.ts'
import type { Run } from '../../src/steps/step-kind.ts'

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
  let state = { ...emptyState('m', 'l'), createdTopics: [topic] }
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
    state: () => state,
    decide: async (change: (now: typeof state) => typeof state) => {
      state = change(state)
    },
  } as unknown as Run
  return { run, deleted, createdTopics: () => state.createdTopics }
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
