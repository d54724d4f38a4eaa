import { expect, it } from 'vitest'
import { diagnostic } from '../../src/domain/diagnostic.ts'
import type { TopicName } from '../../src/domain/ids.ts'
import { emptyState } from '../../src/domain/state.ts'
import type { CreateTopic } from '../../src/domain/step.ts'
import { createTopic } from '../../src/steps/create-topic.ts'
import type { Run } from '../../src/steps/step-kind.ts'

/** What the step records and refuses; that brokers create is for the scenarios. */

const topic = 'orders' as TopicName
const step: CreateTopic = {
  kind: 'create-topic',
  id: 'create-topic/orders',
  stage: 'prepared',
  reason: '',
  undo: { cost: 'free', says: '' },
  topic,
  partitions: 2,
  replicationFactor: -1,
  configs: {},
  notes: [],
}
const refused = diagnostic({ code: 'FERRY1209', detail: 'POLICY_VIOLATION', fix: '' })

/** A target on which a create ends like this; `there`: it has the topic already. */
const runOn = (
  ends: 'made' | 'refused' | 'killed',
  there = false,
  createdTopics = [] as TopicName[],
) => {
  let state = { ...emptyState('m', 'l'), createdTopics: createdTopics as readonly TopicName[] }
  const made: TopicName[] = []
  const found = there ? { name: topic, partitions: [{}, {}] } : 'absent'
  const target = {
    name: 'new',
    describeTopics: async () => ({ ok: new Map([[topic, found]]), failed: new Map() }),
    createTopics: async () => {
      if (ends === 'killed') throw new Error('killed')
      made.push(topic)
      return { ok: new Map(), failed: new Map(ends === 'refused' ? [[topic, refused]] : []) }
    },
  }
  const run = {
    clusters: { target },
    state: () => state,
    decide: async (change: (now: typeof state) => typeof state) => {
      state = change(state)
    },
  } as unknown as Run
  return { run, made, known: () => state.createdTopics }
}

it('is known to be made by Ferry, also if it is killed while the broker makes it', async () => {
  const calm = runOn('made')
  expect(await createTopic.apply(step, calm.run)).toMatchObject({ done: true })
  expect(calm.known()).toEqual([topic])
  const killed = runOn('killed')
  await expect(createTopic.apply(step, killed.run)).rejects.toThrow('killed')
  expect(killed.known()).toEqual([topic])
  const again = runOn('made', true, [topic])
  expect(await createTopic.apply(step, again.run)).toMatchObject({ done: true })
  expect(again.made).toEqual([])
})

it('is not, where the broker refuses it', async () => {
  const { run, known } = runOn('refused')
  expect(await createTopic.apply(step, run)).toEqual({ done: false, problem: refused })
  expect(known()).toEqual([])
})

it('of somebody else, who was quicker, is neither taken for it nor mirrored to without its configs', async () => {
  const { run, made, known } = runOn('made', true)
  expect(await createTopic.apply(step, run)).toMatchObject({
    done: false,
    problem: { code: 'FERRY1401', detail: expect.stringContaining('has appeared on new') },
  })
  expect([made, known()]).toEqual([[], []])
})
