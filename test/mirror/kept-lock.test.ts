import { rejects, strictEqual } from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, it } from 'vitest'
import { type PartitionKey, partitionKey, type TopicName } from '../../src/domain/ids.ts'
import { untilTaken } from '../../src/mirror/kept-lock.ts'

const KEYS = [0, 1].map((each) => partitionKey('t' as TopicName, each))

/** What this process holds, and what the leader of each partition says; a test changes it while it is waited for. */
const world = (timeoutMs = 8_000) => {
  const it = {
    generation: 3,
    beats: true,
    kept: undefined as ReadonlyMap<PartitionKey, boolean> | undefined,
    /** Looks at log ends. */
    looks: 0,
    nudges: 0,
    onLook: () => {},
    onNudge: () => {},
  }
  const end = async () => {
    it.looks++
    it.onLook()
    return 5
  }
  const parts = {
    membership: {
      get generation() {
        return it.generation
      },
      maySend: () => it.beats,
    },
    holdings: { kept: () => it.kept },
    targetLog: { end, logEnd: async () => ({ end: await end(), leader: 1, leaderEpoch: 0 }) },
    settleMs: 20,
    nudge: () => {
      it.nudges++
      it.onNudge()
    },
    nudgeAfterMs: 100,
  }
  let isTaken = false
  const taken = untilTaken(KEYS, parts, AbortSignal.timeout(timeoutMs)).then(() => {
    isTaken = true
  })
  return { it, taken, isTaken: () => isTaken }
}
const clean = new Map(KEYS.map((key) => [key, true]))

describe('a lock that is kept', () => {
  it('is had once all partitions are held, none is copied, and this process may send', async () => {
    const { it, taken, isTaken } = world()
    await pause(120)
    it.beats = false
    it.kept = clean
    await pause(120)
    strictEqual(isTaken(), false)
    it.beats = true
    await taken
    strictEqual(it.looks, 0)
  })

  it('waits out what an earlier holder may still send, anew where somebody may have had it in between', async () => {
    const { it, taken, isTaken } = world()
    it.onLook = () => {
      if (it.looks === 3) it.generation++
    }
    it.kept = new Map([...clean, [KEYS[1]!, false]])
    await taken
    strictEqual(isTaken(), true)
    // At least one look before it stands still and one after, for each of both generations.
    strictEqual(it.looks >= 6, true, String(it.looks))
  })

  it('has the group share anew, once, where a mirror does not let go by itself', async () => {
    const { it, taken } = world()
    it.onNudge = () => {
      setTimeout(() => {
        it.kept = clean
      }, 150)
    }
    await taken
    strictEqual(it.nudges, 1)
  })

  it('is not had where it never comes', async () => {
    const { taken } = world(200)
    await rejects(taken)
  })
})
