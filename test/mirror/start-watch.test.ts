import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { valuesOf } from '../../src/domain/answers.ts'
import { partitionKey } from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import { type StartSeen, StartWatch } from '../../src/mirror/start-watch.ts'
import { durableLogStart, makesDurableEvery } from '../kafka/log-starts.ts'
import { oracle } from '../kafka/oracle.ts'
import { waitFor } from '../kafka/wait.ts'
import { createTopic, type Pair, startPair, topicName } from './_support.ts'

const EVERY_MS = 3_000
const TOPIC = topicName('filled')
const KEY = partitionKey(TOPIC, 0)
const MARK = { topic: TOPIC, partition: 0, targetStart: 500n } as unknown as Mark

let pair: Pair
beforeAll(async () => {
  pair = await startPair({ target: { brokers: 3, config: makesDurableEvery(EVERY_MS) } })
  await createTopic(pair.to, TOPIC, 1, {}, 3)
  await oracle.produce(pair.target, TOPIC, { count: 500, size: 10, partitions: [0] })
})
afterAll(() => pair?.stop())

const byBroker = (seen: readonly StartSeen[]): readonly (StartSeen | undefined)[] =>
  [1, 2, 3].map((id) => seen.find(({ broker }) => broker === id))

/** How long a replica stands at the mark, by the watch; -1: it does not. */
const standing = (seen: StartSeen | undefined): number =>
  seen === undefined || seen.because !== undefined ? -1 : seen.standsMs

const isDurable = (seen: StartSeen): boolean =>
  seen.because === undefined && seen.standsMs >= seen.takes.ms

describe('log starts become durable', () => {
  it('on each replica for itself, which says so of its own log; with a broker that was killed the time begins anew', {
    timeout: 180_000,
  }, async () => {
    const watch = new StartWatch(pair.to)
    const look = () => watch.look([MARK])
    const all = await look()
    strictEqual(all.length, 3)
    for (const each of all) match(each.because ?? '', /begins at 0 instead of 500 on broker \d/)

    valuesOf(await pair.to.deleteRecords(new Map([[KEY, 500n]])))
    const stands = (await look()).map(standing)
    deepStrictEqual(stands, [0, 0, 0])

    // A follower, killed before it has made anything durable, or after: nobody but its connection tells.
    const description = valuesOf(await pair.to.describeTopics([TOPIC])).get(TOPIC)
    const leader = description === 'absent' ? -1 : description!.partitions[0]!.leader
    const follower = pair.target.brokers.find(({ id }) => id !== leader)!
    await follower.kill('SIGKILL')
    const gone = byBroker(await look())[follower.id - 1]
    match(gone?.because ?? '', /does not say where its log begins/)
    await follower.start()
    const again = await waitFor('all to stand at the mark', { timeoutMs: 30_000 }, async () => {
      const seen = await look()
      return seen.every((each) => standing(each) >= 0) ? seen : undefined
    })
    const [ofFollower, ...ofOthers] = [
      standing(byBroker(again)[follower.id - 1]),
      ...again.filter(({ broker }) => broker !== follower.id).map(standing),
    ]
    ok(
      ofOthers.every((ms) => ms > ofFollower!),
      `${ofFollower} of ${ofOthers}`,
    )

    await waitFor('all to be durable', { timeoutMs: 30_000 }, async () =>
      (await look()).every(isDurable) ? true : undefined,
    )
    for (const { dataFolder, id } of pair.target.brokers) {
      strictEqual(durableLogStart(dataFolder!, `${TOPIC}-0`), 500n, `broker ${id}`)
    }
  })
})
