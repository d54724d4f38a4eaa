import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import {
  type AcceptedGap,
  type GapOffsets,
  parseRangeName,
  rangeName,
} from '../../src/domain/accepted-gap.ts'
import {
  partitionKey,
  type SourceOffset,
  type TargetOffset,
  type TopicName,
} from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import type { Migration } from '../../src/domain/migration.ts'
import { expectedTargetEnd, indexFromEnds } from '../../src/domain/offset-index.ts'
import { offsetMapOf } from '../../src/domain/partition-progress.ts'
import { emptyState } from '../../src/domain/state.ts'
import { translateOffset } from '../../src/domain/translate-offset.ts'
import type { PartitionReport } from '../../src/mirror/mirror.ts'
import { type RunningMirror, startMirror } from '../../src/mirror/start-mirror.ts'
import { verifyMigration } from '../../src/verify/index.ts'
import { oracle } from '../kafka/oracle.ts'
import type { OracleRecord } from '../kafka/oracle-lines.ts'
import { waitFor } from '../kafka/wait.ts'
import { beginMirroring } from './_cases.ts'
import { MirrorChild } from './_child.ts'
import {
  contentOf,
  createTopic,
  damageBatch,
  endsOf,
  FileProgress,
  mirrorOptions,
  type Pair,
  startPair,
  topicName,
  untilCopied,
  withFolder,
} from './_support.ts'

/** The gap that a stopped partition names, as its message's own command would accept it. */
const gapOf = (
  { problem }: PartitionReport,
  { producerId }: Mark,
  offsets: GapOffsets,
): AcceptedGap => {
  const named = /`ferry resync m --accept-gap (\S+)`/.exec(problem?.fix ?? '')?.[1]
  const range = named === undefined ? undefined : parseRangeName(named)
  if (range === undefined) throw new Error(`no command in ${JSON.stringify(problem)}`)
  return {
    ...range,
    producerId,
    code: problem!.code,
    offsets,
    losing: [],
    at: new Date().toISOString(),
  }
}

describe('a mirror goes on behind an accepted gap', () => {
  let pair: Pair
  let sourceData: string
  beforeAll(async () => {
    sourceData = await mkdtemp(join(tmpdir(), 'ferry-gap-'))
    pair = await startPair({ source: { config: { 'log.dirs': sourceData } } })
  })
  afterAll(async () => {
    await pair?.stop()
    await rm(sourceData, { recursive: true, force: true })
  })

  const both = async (name: string, targetConfigs = {}): Promise<TopicName> => {
    const topic = topicName(name)
    await createTopic(pair.from, topic, 1)
    await createTopic(pair.to, topic, 1, targetConfigs)
    return topic
  }
  const places = (topics: readonly TopicName[]) => topics.map((topic) => ({ topic, partition: 0 }))

  const start = (folder: string, over = {}): RunningMirror =>
    startMirror(mirrorOptions(pair.from, pair.to, new FileProgress(`${folder}/progress`), over), {
      saveEveryMs: 100,
    })
  const untilStopped = (mirror: RunningMirror) =>
    waitFor('all of them to stop', { timeoutMs: 40_000 }, () =>
      mirror.reports().every(({ state }) => state === 'stopped') ? mirror.reports() : undefined,
    ).catch((error: Error) => {
      throw new Error(`${error.message} ${JSON.stringify(mirror.reports())}`)
    })

  /** All that the oracle sees, but for what lies in the gap: contents, order, and where each record stands on the target. */
  const compare = async (
    mark: Mark,
    gap: AcceptedGap,
    source: readonly OracleRecord[],
    folder: string,
  ): Promise<void> => {
    const { topic } = mark
    const key = partitionKey(topic, 0)
    const before = source.filter(({ offset }) => offset < gap.from || offset >= gap.to)
    ok(
      before.some(({ offset }) => offset >= gap.to),
      'nothing lies behind the gap',
    )
    const after = await oracle.read(pair.target, topic, { isolation: 'read_committed' })
    deepStrictEqual(contentOf(after), contentOf(before))
    const below = before.filter(({ offset }) => offset < gap.from)
    const expected = before.map(({ offset }, i) => {
      if (gap.offsets === 'dense') return BigInt(i)
      if (gap.offsets === 'padded' || offset < gap.from) return offset
      return gap.from + BigInt(i - below.length)
    })
    deepStrictEqual(
      after.map(({ offset }) => offset),
      expected,
    )
    const progress = (await new FileProgress(`${folder}/progress`).readProgress()).get(key)!
    const ends = await endsOf(pair.to, places([topic]))
    const end = ends.get(key)! as TargetOffset
    const index = indexFromEnds(offsetMapOf(mark, progress, [gap]), end)
    strictEqual(expectedTargetEnd(index), end)
    strictEqual(progress.mirroredTo, index.mirroredTo)
    strictEqual(progress.diverged !== null, gap.offsets === 'diverged')
    let next = 0
    for (let offset = 0n; offset <= index.mirroredTo; offset++) {
      while (next < before.length && before[next]!.offset < offset) next++
      const target = after[next]?.offset ?? end
      deepStrictEqual(translateOffset(index, offset as SourceOffset), { kind: 'at', target })
    }
    const report = await verifyMigration({
      clusters: { source: pair.from, target: pair.to },
      migration: { name: 'm', topics: [{ name: topic }], groups: [] } as unknown as Migration,
      state: { ...emptyState('m', 'l'), marks: [mark], acceptedGaps: [gap] },
      progress: new Map([[key, progress]]),
      mode: { kind: 'full' },
      report: () => {},
      signal: new AbortController().signal,
    })
    const [verified] = report.topics[0]!.partitions
    deepStrictEqual(
      verified!.problems.map(({ code, severity }) => [code, severity]),
      [['FERRY1352', 'warning']],
    )
    strictEqual(report.ok, true)
    strictEqual(verified!.mirrored, before.length)
    strictEqual(verified!.compared + verified!.gone, before.length)
  }

  it('that retention left, dense, padded and diverged, on a source with transactions', {
    timeout: 400_000,
  }, async () => {
    const modes = ['dense', 'padded', 'diverged'] as const
    const topics = await Promise.all(modes.map((mode) => both(`retention-${mode}`)))
    const fill = (count: number, id: string) =>
      oracle.writeMany(
        pair.source,
        topics.map((topic) => ({
          topic,
          count,
          valuePrefix: id,
          transactionalId: `${topic}-${id}`,
          commitEvery: 20,
          abortEvery: 4,
        })),
      )
    await fill(400, 'a')
    const marks: Mark[] = []
    for (const [i, topic] of topics.entries()) {
      const mode = modes[i] === 'dense' ? 'dense' : 'identical'
      marks.push(...(await beginMirroring({ pair, topic }, mode)))
    }
    await withFolder(async (folder) => {
      const first = start(folder)
      first.follow([{ migration: 'm', marks, seals: [] }])
      await untilCopied(first, await endsOf(pair.from, places(topics)))
      await first.stop()
      await fill(400, 'b')
      const before = await oracle.readMany(pair.source, topics, { isolation: 'read_committed' })
      await pair.from.deleteRecords(new Map(topics.map((topic) => [partitionKey(topic, 0), 700n])))
      const mirror = start(folder)
      mirror.follow([{ migration: 'm', marks, seals: [] }])
      const reports = await untilStopped(mirror)
      const gaps = reports.map((report, i) => gapOf(report, marks[i]!, modes[i]!))
      for (const [i, report] of reports.entries()) {
        strictEqual(report.problem!.code, 'FERRY1602')
        strictEqual(rangeName(gaps[i]!), `${topics[i]}:0:420-699`)
      }
      // While it runs.
      mirror.follow([{ migration: 'm', marks, seals: [], acceptedGaps: gaps }])
      await untilCopied(mirror, await endsOf(pair.from, places(topics)))
      deepStrictEqual(
        mirror.reports().map(({ problem, divergedAt }) => [problem, divergedAt]),
        [
          [undefined, undefined],
          [undefined, undefined],
          [undefined, 700],
        ],
      )
      await mirror.stop()
      // And it resumes there exactly.
      await fill(100, 'c')
      const again = start(folder)
      again.follow([{ migration: 'm', marks, seals: [], acceptedGaps: gaps }])
      await untilCopied(again, await endsOf(pair.from, places(topics)))
      await again.stop()
      const left = await oracle.readMany(pair.source, topics, { isolation: 'read_committed' })
      for (const [i, mark] of marks.entries()) {
        const known = before.get(mark.topic)!
        const last = known.at(-1)!.offset
        const all = [...known, ...left.get(mark.topic)!.filter(({ offset }) => offset > last)]
        await compare(mark, gaps[i]!, all, folder)
      }
    })
  })

  it('where a record is too large for the target, and where a batch is damaged', async () => {
    const large = await both('gap-large', { 'max.message.bytes': '20000' })
    const inBatch = await both('gap-in-batch', { 'max.message.bytes': '20000' })
    const damaged = await both('gap-damaged')
    const topics = [large, inBatch, damaged]
    const values = ['a', 'x'.repeat(30_000), 'b', 'c'].map((value) => ({ key: 'k', value }))
    await oracle.writeMany(pair.source, [
      { topic: large, count: 60 },
      { topic: large, records: values.slice(1, 2) },
      { topic: large, count: 60, valuePrefix: 'later' },
      { topic: inBatch, records: values, lingerMs: 1_000, batchSize: 100_000 },
      { topic: damaged, count: 200, batchSize: 2_000 },
    ])
    const marks = [
      ...(await beginMirroring({ pair, topic: large }, 'identical')),
      ...(await beginMirroring({ pair, topic: inBatch }, 'dense')),
      ...(await beginMirroring({ pair, topic: damaged }, 'identical')),
    ]
    const before = await oracle.readMany(pair.source, topics)
    const damage = damageBatch(join(sourceData, `${damaged}-0`), 50n, 'last')
    ok(damage.to - damage.from > 1)
    await withFolder(async (folder) => {
      const first = start(folder)
      first.follow([{ migration: 'm', marks, seals: [] }])
      const reports = await untilStopped(first)
      await first.stop()
      const gaps = reports.map((report, i) =>
        gapOf(report, marks[i]!, marks[i]!.mode === 'dense' ? 'dense' : 'padded'),
      )
      deepStrictEqual(gaps.map(rangeName), [
        `${large}:0:60-60`,
        `${inBatch}:0:1-1`,
        `${damaged}:0:${damage.from}-${damage.to - 1}`,
      ])
      // By a mirror that is started with the decision, and had not stopped itself.
      const mirror = start(folder)
      mirror.follow([{ migration: 'm', marks, seals: [], acceptedGaps: gaps }])
      await untilCopied(mirror, await endsOf(pair.from, places(topics)))
      await mirror.stop()
      deepStrictEqual(
        mirror.reports().map(({ problem }) => problem),
        [undefined, undefined, undefined],
      )
      for (const [i, mark] of marks.entries()) {
        await compare(mark, gaps[i]!, before.get(mark.topic)!, folder)
      }
    })
  })

  it('though it is killed while the gap is padded: not one marker too many', {
    timeout: 300_000,
  }, async () => {
    const topic = await both('gap-killed')
    await oracle.produce(pair.source, topic, { count: 100, size: 10 })
    const marks = await beginMirroring({ pair, topic }, 'identical')
    await withFolder(async (folder) => {
      const first = start(folder)
      first.follow([{ migration: 'm', marks, seals: [] }])
      await untilCopied(first, await endsOf(pair.from, places([topic])))
      await first.stop()
      await oracle.produce(pair.source, topic, { count: 200_000, size: 10 })
      await pair.from.deleteRecords(new Map([[partitionKey(topic, 0), 200_000n]]))
      const stopping = start(folder)
      stopping.follow([{ migration: 'm', marks, seals: [] }])
      const [report] = await untilStopped(stopping)
      await stopping.stop()
      match(report!.problem!.detail, /offsets 100 to 199999 \(199900 at most\)/)
      const acceptedGaps = [gapOf(report!, marks[0]!, 'padded')]
      const endNow = async () =>
        Number((await endsOf(pair.to, places([topic]))).get(partitionKey(topic, 0)))
      const began = performance.now()
      let markers = 0
      for (let kill = 0; kill < 2; kill++) {
        const before = await endNow()
        const child = MirrorChild.start(pair, folder, marks, { acceptedGaps })
        await waitFor('some markers', { timeoutMs: 60_000, everyMs: 20 }, async () =>
          (await endNow()) > before + 5_000 ? true : undefined,
        )
        await child.end('SIGKILL')
        const now = await endNow()
        ok(now < 200_000, 'it was killed when all was padded')
        markers += now - before
      }
      const mirror = start(folder)
      const left = 200_000 - (await endNow())
      const padding = performance.now()
      mirror.follow([{ migration: 'm', marks, seals: [], acceptedGaps }])
      await untilCopied(mirror, await endsOf(pair.from, places([topic])))
      const rate = Math.round(left / ((performance.now() - padding) / 1000))
      process.stderr.write(
        `${markers} markers before the kills (${Math.round(performance.now() - began)} ms in all), then ${rate} a second, joining included\n`,
      )
      await mirror.stop()
      const [now] = mirror.reports()
      deepStrictEqual([now!.problem, now!.divergedAt], [undefined, undefined])
      const source = await oracle.read(pair.source, topic)
      const target = await oracle.read(pair.target, topic)
      deepStrictEqual(target.slice(100), source)
      strictEqual(target[99]!.offset, 99n)
      strictEqual(await endNow(), 200_100)
    })
  })
})
