import { expect, it } from 'vitest'
import { diagnostic } from '../../src/domain/diagnostic.ts'
import type { TopicName } from '../../src/domain/ids.ts'
import type { MigrationState } from '../../src/domain/state.ts'
import type { CreateTopic } from '../../src/domain/step.ts'
import { createTopic } from '../../src/steps/create-topic.ts'
import { deleteTopic } from '../../src/steps/delete-topic.ts'
import type { Run } from '../../src/steps/step-kind.ts'
import { plan, stateWith } from '../planner/_build.ts'
import { keeping } from './_keeping.ts'

/** What the step records and refuses; that brokers create, and lose answers, is for test/scenarios/kill-apply.test.ts. */

const topic = 'orders' as TopicName
const step: CreateTopic = {
  kind: 'create-topic',
  id: 'create-topic/orders',
  stage: 'prepared',
  reason: '',
  undo: { cost: 'free', says: '' },
  topic,
  partitions: 2,
  replicationFactor: 1,
  configs: { 'retention.ms': '7' },
  notes: [],
}
const undo = { cost: 'free', says: '' } as const
const deletes = {
  kind: 'delete-topic',
  id: 'd',
  stage: 'nothing',
  reason: '',
  undo,
  topic,
} as const
const refused = diagnostic({ code: 'FERRY1209', detail: 'POLICY_VIOLATION', fix: '' })
const lost = diagnostic({ code: 'FERRY1212', detail: 'REQUEST_TIMED_OUT', fix: '' })

interface There {
  readonly partitions?: number
  readonly replicas?: number
  readonly retention?: string
  readonly end?: bigint
}

/** A target on which a create ends like this; `there`: it has the topic already. */
const runOn = (
  ends: 'made' | 'refused' | 'lost' | 'killed',
  there?: There,
  before: Partial<MigrationState> = {},
) => {
  const kept = keeping(before)
  const made: TopicName[] = []
  const { partitions = 2, replicas = 1, retention = '7', end = 0n } = there ?? {}
  const described = {
    name: topic,
    partitions: Array.from({ length: partitions }, (_, partition) => ({
      partition,
      replicas: Array.from({ length: replicas }),
    })),
  }
  const answer = <V>(value: V) => ({ ok: new Map([[topic, value]]), failed: new Map() })
  const target = {
    name: 'new',
    describeTopics: async () =>
      answer(
        made.length > 0 ? { ...described, topicId: 'id-made' } : (there && described) || 'absent',
      ),
    describeTopicConfigs: async () => answer(new Map([['retention.ms', { value: retention }]])),
    listOffsets: async (asked: readonly { topic: TopicName; partition: number }[], at: string) => ({
      ok: new Map(asked.map((p) => [`${p.topic}:${p.partition}`, at === 'latest' ? end : 0n])),
      failed: new Map(),
    }),
    createTopics: async () => {
      if (ends === 'killed') throw new Error('killed')
      made.push(topic)
      const problem = { made: undefined, refused, lost }[ends]
      return { ok: new Map(), failed: new Map(problem ? [[topic, problem]] : []) }
    },
    deleteTopics: async () => answer(undefined),
  }
  const run = {
    clusters: { target },
    ...kept,
  } as unknown as Run
  const known = () => {
    const { createdTopics, creating = [] } = kept.state()
    return [createdTopics, creating.map((each) => each.topic)]
  }
  return { run, made, known, state: kept.state }
}

it('is known to be made by Ferry, also if it is killed while the broker makes it, or no answer comes', async () => {
  const calm = runOn('made')
  // Its id, by which a run that goes on knows it from another one of its name.
  expect(await createTopic.apply(step, calm.run)).toEqual({
    done: true,
    facts: { partitions: 2, topicId: 'id-made' },
  })
  expect(calm.known()).toEqual([[topic], []])
  const killed = runOn('killed')
  await expect(createTopic.apply(step, killed.run)).rejects.toThrow('killed')
  expect(killed.known()).toEqual([[topic], [topic]])
  const unheard = runOn('lost')
  expect(await createTopic.apply(step, unheard.run)).toEqual({ done: false, problem: lost })
  expect(unheard.known()).toEqual([[topic], [topic]])
  for (const before of [killed, unheard]) {
    const again = runOn('made', {}, before.state())
    expect(await createTopic.apply(step, again.run)).toMatchObject({ done: true })
    expect([again.made, again.known()]).toEqual([[], [[topic], []]])
  }
})

it('is not, where the broker refuses it; unless what was asked for before may have come in between', async () => {
  const { run, known } = runOn('refused')
  expect(await createTopic.apply(step, run)).toEqual({ done: false, problem: refused })
  expect(known()).toEqual([[], []])
  const unheard = runOn('lost')
  await createTopic.apply(step, unheard.run)
  const late = runOn('refused', undefined, unheard.state())
  expect(await createTopic.apply(step, late.run)).toEqual({ done: false, problem: refused })
  expect(late.known()).toEqual([[topic], [topic]])
})

it.each<[string, There]>([
  ['it has 3 partitions, not 2', { partitions: 3 }],
  ['its replication factor is 3, not 1', { replicas: 3 }],
  ['its retention.ms is 8, not 7', { retention: '8' }],
  ['orders:0 was written to, up to offset 5', { end: 5n }],
])('is not, where no answer came and what is there is something else: %s', async (why, there) => {
  const unheard = runOn('lost')
  await createTopic.apply(step, unheard.run)
  const again = runOn('made', there, unheard.state())
  expect(await createTopic.apply(step, again.run)).toMatchObject({
    done: false,
    problem: { code: 'FERRY1401', detail: expect.stringContaining(why) },
  })
  expect([again.made, again.known()]).toEqual([[], [[], []]])

  const back = runOn('made', there, unheard.state())
  const left = await deleteTopic.apply({ ...deletes, topicId: null }, back.run)
  expect(left).toMatchObject({ done: true, facts: { left: expect.stringContaining(why) } })
  expect(back.known()).toEqual([[], []])
})

it('of somebody else, who was quicker, is neither taken for it nor mirrored to without its configs', async () => {
  const { run, made, known } = runOn('made', {})
  expect(await createTopic.apply(step, run)).toMatchObject({
    done: false,
    problem: { code: 'FERRY1401', detail: expect.stringContaining('has appeared on new') },
  })
  expect([made, known()]).toEqual([[], [[], []]])
})

it('that nobody answered and that is not there may still come: a rollback says so', async () => {
  const back = (creating: NonNullable<MigrationState['creating']>) =>
    plan({
      state: stateWith({ stage: 'prepared', createdTopics: [topic], creating }),
      purpose: { kind: 'rollback', to: 'nothing' },
    }).problems.filter(({ code }) => code === 'FERRY1354')
  expect(back([])).toEqual([])
  expect(back([{ topic, partitions: 2, replicationFactor: 1, configs: new Map() }])).toMatchObject([
    { severity: 'warning', detail: expect.stringContaining('for topic orders') },
  ])
})
