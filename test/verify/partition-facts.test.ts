import { expect, it } from 'vitest'
import { diagnostic } from '../../src/domain/diagnostic.ts'
import { partitionKey } from '../../src/domain/ids.ts'
import { emptyState } from '../../src/domain/state.ts'
import { type BothClusters, readFacts } from '../../src/verify/partition-facts.ts'
import { markOf } from './pair.ts'

const marks = [0, 1].map((partition) => ({ ...markOf('orders' as never, 0, 0), partition }))
const unknown = (key: string) =>
  diagnostic({ code: 'FERRY1215', detail: `${key} is not known.`, fix: 'Check the name.' })

const cluster = (name: string, isThere: boolean) => ({
  name,
  describeTopics: async () => ({
    ok: new Map([['orders', isThere ? { name: 'orders', partitions: [] } : 'absent']]),
    failed: new Map(),
  }),
  listOffsets: async (asked: typeof marks) => {
    const keys = asked.map((each) => partitionKey(each.topic, each.partition))
    return {
      ok: new Map(isThere ? keys.map((key) => [key, 0n]) : []),
      failed: new Map(isThere ? [] : keys.map((key) => [key, unknown(key)])),
    }
  },
})

const problemsWith = async (clusters: object) => {
  const state = { ...emptyState('shop', 'lineage'), marks }
  const facts = await readFacts(clusters as BothClusters, state, marks, new Map())
  return [...new Set(facts.flatMap(({ problems }) => problems.map((p) => `${p.code} ${p.fix}`)))]
}

it('a topic that is gone is one finding, with the command that makes its copy anew', async () => {
  const clusters = { source: cluster('old', true), target: cluster('new', false) }
  expect(await problemsWith(clusters)).toEqual([
    expect.stringMatching(/^FERRY1809 .*`ferry resync shop --topic orders`/),
  ])
})

it('what could not be answered for another reason is said once for each partition', async () => {
  const target = { ...cluster('new', false), describeTopics: cluster('new', true).describeTopics }
  expect(await problemsWith({ source: cluster('old', true), target })).toEqual([
    'FERRY1215 Check the name.',
  ])
})
