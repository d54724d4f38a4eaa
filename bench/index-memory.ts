/**
 * What the offset index of one partition takes in memory, and how long a lookup in it takes: `npm run bench:index`. Memory is what V8
 * still has after a garbage collection, so slack in buffers counts.
 */
import { GapList } from '../src/domain/gap-list.ts'
import { memoryInUse } from '../test/_memory.ts'

/** From 0 to 1, the same in each run. */
const random = (() => {
  let state = 42
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
})()

/** Records from one gap to the next, and how many offsets it takes. */
const KINDS: Readonly<Record<string, () => readonly [records: number, offsets: number]>> = {
  'a commit every 100 records': () => [100, 1],
  'a commit every 10,000 records': () => [10_000, 1],
  'compacted: one of 10 records left': () => [
    1 + Math.floor(random() * 2),
    1 + Math.floor(random() * 18),
  ],
  'compacted: one of 10,000 left': () => [1, 1 + Math.floor(random() * 20_000)],
}
const LOOKUPS = 50_000

const measure = async (kind: string, millions: number): Promise<void> => {
  const before = await memoryInUse()
  const gaps = new GapList()
  for (let i = 0, at = 0; i < millions * 1_000_000; i++) {
    const [records, offsets] = KINDS[kind]!()
    gaps.append(at + records, at + records + offsets)
    at += records + offsets
  }
  const bytes = (await memoryInUse()) - before
  const began = performance.now()
  for (let i = 0; i < LOOKUPS; i++) gaps.missingBelow(Math.floor(random() * gaps.end))
  const micros = ((performance.now() - began) * 1_000) / LOOKUPS
  process.stdout.write(
    `${kind}: ${millions} million gaps, ${(bytes / 1e6).toFixed(1)} MB, ${(bytes / gaps.count).toFixed(2)} bytes a gap, ${micros.toFixed(1)} us a lookup\n`,
  )
}

for (const kind of Object.keys(KINDS)) {
  for (const millions of [1, 8]) await measure(kind, millions)
}
