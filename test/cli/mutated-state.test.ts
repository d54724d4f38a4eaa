import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { run } from '../../src/cli/run.ts'
import { type Diagnostic, diagnostic, FerryError } from '../../src/domain/diagnostic.ts'
import { CODES } from '../../src/domain/diagnostic-codes.ts'
import { type ClusterId, partitionKey, type TopicName } from '../../src/domain/ids.ts'
import { STAGES } from '../../src/domain/stage.ts'
import { type MigrationState, NO_REVERSE } from '../../src/domain/state.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { planMigration } from '../../src/planner/index.ts'
import { decodeContent, encodeContent } from '../../src/state/content-codec.ts'
import { nextEntry } from '../../src/state/journal-chain.ts'
import { encodeRecord } from '../../src/state/records.ts'
import type { StateContent, StateStore } from '../../src/state/state-store.ts'
import { mutateValue, randomFrom } from '../_mutate.ts'
import { group, groupSeen, observed, topicSeen } from '../planner/_build.ts'
import { AT, fullState, sampleProgress } from '../state/samples.ts'
import { fakeServices } from './fake-services.ts'
import { streamsForTesting } from './streams-for-testing.ts'

/** So many that are whole; most changes are refused, and so many are tried. */
const STATES = 300
const CHANGES = 6_000
const TOPIC = 'orders.events' as TopicName

const withoutChecksum = (record: object): object =>
  Object.fromEntries(Object.entries(record).filter(([key]) => key !== 'checksum'))

/** With and without what only a way back has: that is read from a cluster, which does not answer here. */
const whole = (reverse: MigrationState['reverse']): StateContent => {
  const what = { kind: 'intent', step: 'mirror-topic/orders.events' } as const
  const journal = [nextEntry(undefined, { at: AT, plan: 'd', what })]
  const clusters = { source: 'id-of-old' as ClusterId, target: 'id-of-new' as ClusterId }
  return {
    decisions: { ...fullState(1), clusters, reverse },
    journal,
    progress: [sampleProgress(TOPIC, 0)],
  }
}

/** Decisions and progress that somebody has changed, with every checksum right. Undefined: they are no state any more. */
const changed = (text: string, pick: (below: number) => number): StateContent | undefined => {
  const { decisions, progress, ...rest } = withoutChecksum(JSON.parse(text)) as {
    readonly decisions: object
    readonly progress: unknown
  }
  let next: unknown = withoutChecksum(decisions)
  for (let i = 0; i <= (pick(6) === 0 ? 1 : 0); i++) next = mutateValue(next, pick)
  const copied = pick(6) === 0 ? mutateValue(progress, pick) : progress
  if (typeof next !== 'object' || next === null) return undefined
  const own = JSON.parse(encodeRecord(next as Record<string, unknown>))
  try {
    return decodeContent(encodeRecord({ ...rest, decisions: own, progress: copied }), 'state')
  } catch (error) {
    if (error instanceof FerryError) return undefined
    throw error
  }
}

/** Nobody answers: what is asked of it is told as such, and nothing else may come of it. */
const silent = (name: string): Cluster => {
  const asked = async () => {
    const detail = `${name} does not answer`
    throw new FerryError(diagnostic({ code: 'FERRY1202', detail, fix: '' }))
  }
  const known: Record<string, unknown> = { name, id: name, close: async () => {} }
  return new Proxy({} as Cluster, {
    // Whoever awaits it must not take it for a promise.
    get: (_, key) => (key === 'then' ? undefined : (known[String(key)] ?? asked)),
  })
}

const seen = (from: bigint, to: bigint) => ({
  topics: new Map([[TOPIC, topicSeen(TOPIC, [[from, to]])]]),
  groups: new Map([[group('orders-api'), groupSeen('orders-api', { [`${TOPIC}:0`]: from })]]),
})

const servicesWith = (
  { decisions, journal, progress }: StateContent,
  pick: (n: number) => number,
) => {
  const fake = fakeServices({})
  const store = {
    describe: 'memory',
    list: async () => ['orders'],
    readDecisions: async (name: string) => (name === 'orders' ? decisions : undefined),
    readJournal: async () => journal,
    readProgress: async (_: string, way?: 'reverse') =>
      new Map(
        progress
          .filter((each) => each.way === way)
          .map((each) => [partitionKey(each.topic, each.partition), each]),
      ),
    lockHolder: async () => undefined,
    backups: async () => [],
    close: async () => {},
  } as unknown as StateStore
  const orders = fake.project.migrations.get('orders')!
  const stage = STAGES[pick(STAGES.length)]!
  const order = pick(2) === 0 ? ('consumers-first' as const) : ('producers-first' as const)
  const groups = [
    {
      id: group('orders-api'),
      at: orders.stageAt,
      uncommitted: 'absent',
      uncommittedSaid: false,
    } as const,
  ]
  const project = {
    ...fake.project,
    migrations: new Map([['orders', { ...orders, stage, order, groups }]]),
  }
  const [start, end] = [9_007_199_254_740_993n, 9_007_199_254_741_005n]
  return {
    ...fake,
    loadProject: async () => ({ project, diagnostics: [] as readonly Diagnostic[] }),
    openStore: async () => store,
    connectCluster: async (_: unknown, name: string) => silent(name),
    observe: async () => observed({ source: seen(start, end), target: seen(start, end) }),
    planMigration: async (parts: Parameters<typeof planMigration>[0]) => planMigration(parts),
  }
}

const FOLDER = mkdtempSync(join(tmpdir(), 'ferry-mutated-'))
afterAll(() => rmSync(FOLDER, { recursive: true }))
const BACK = join(FOLDER, 'back.json')

const VERBS = [
  ['plan', 'orders'],
  ['status', 'orders'],
  ['state', 'list'],
  ['state', 'show', 'orders'],
  ['rollback', 'orders', '--to', 'prepared', '--json', '-o', BACK],
] as const

/** What the checksums let through, since they are right, must be a state that everybody can work with, or is told of with a code. */
test(`${STATES} states that somebody has changed and that are whole: every verb that reads them has an answer, or a code`, async () => {
  const texts = [fullState(1).reverse, NO_REVERSE].map((reverse) => encodeContent(whole(reverse)))
  const ends = { refused: 0, answered: 0, told: 0 }
  for (let seed = 1; seed <= CHANGES && ends.answered + ends.told < STATES; seed++) {
    const pick = randomFrom(seed)
    const content = changed(texts[pick(4) === 0 ? 0 : 1]!, pick)
    if (content === undefined) {
      ends.refused++
      continue
    }
    const verb = VERBS[seed % VERBS.length]!
    const streams = streamsForTesting()
    const code = await run([...verb], streams, servicesWith(content, pick) as never)
    const said = `${streams.out()}${streams.err()}`
    const of = `seed ${seed}, ferry ${verb.join(' ')}\n${said}`
    expect(said, of).not.toMatch(/FERRY1901|^\s+at .*[:/]\d+\)?$/m)
    expect(said, of).not.toBe('')
    const codes = [...said.matchAll(/^error (FERRY\d{4}) /gm)].map(
      ([, each]) => CODES[each as keyof typeof CODES].exitCode,
    )
    expect(codes.length === 0 ? [EXIT.done] : [EXIT.done, ...codes], of).toContain(code)
    ends[code === EXIT.done ? 'answered' : 'told']++
  }
  // Else the changes would show nothing, or nothing had been refused.
  expect(ends.refused).toBeGreaterThan(STATES)
  expect(ends.answered + ends.told).toBe(STATES)
  expect(Math.min(ends.answered, ends.told)).toBeGreaterThan(STATES / 10)
})
