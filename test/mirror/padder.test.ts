import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { it } from 'vitest'
import type { ClusterId, SourceOffset, TargetOffset, TopicName } from '../../src/domain/ids.ts'
import { Padder } from '../../src/mirror/padder.ts'
import { MirroredPartition } from '../../src/mirror/partition.ts'
import { FakeLink, fakePosition } from './_fakes.ts'

/** Says nothing about what a broker does: an answer as late as the test wants it. */
class SlowMarkers extends FakeLink {
  answered!: (code: number) => void

  override writeMarkers(): Promise<number> {
    return new Promise((resolve) => {
      this.answered = resolve
    })
  }
}

const padding = (logEnd: number) => {
  const link = new SlowMarkers()
  const counters = { markersWritten: 0 }
  const padder = new Padder(link, {
    targetEnd: async () => logEnd,
    requestTimeoutMs: 60_000,
    counters,
    drained: () => {},
  })
  const p = new MirroredPartition('m', {
    topic: 't' as TopicName,
    partition: 0,
    sourceCluster: 's' as ClusterId,
    targetCluster: 't' as ClusterId,
    sourceStart: 0n as SourceOffset,
    targetStart: 0n as TargetOffset,
    mode: 'identical',
    producerId: 7n,
    producerEpoch: 0,
    fillerProducerId: 8n,
    at: '',
  })
  const ended = p.flow({ ...fakePosition(0), sourceNext: 5 })
  return { link, counters, p, ended, padded: padder.pad(p) }
}

it('takes markers for written where the log ends behind them', async () => {
  const { link, counters, p, padded } = padding(5)
  link.answered(0)
  await padded
  deepStrictEqual([p.checkedTo, p.uncertain, counters.markersWritten], [5, false, 5])
})

it('is in doubt after an answer that leaves open what was written, also where the flow had ended before', async () => {
  for (const [code, logEnd, isInDoubt] of [
    [7, 0, true],
    [0, 3, true],
    [0, 5, false],
    [31, 0, false],
  ] as const) {
    const { link, p, ended, padded } = padding(logEnd)
    p.end({ why: 'the lock is handed over', uncertain: false })
    link.answered(code)
    await padded
    strictEqual((await ended).why, 'the lock is handed over')
    strictEqual(p.uncertain, isInDoubt, `${code}, ${logEnd}`)
  }
})
