/**
 * What the offset index of one partition takes in memory, and how long a lookup in it takes: `npm run bench:index`. Memory is what V8
 * still has after a garbage collection, so slack in buffers counts.
 */
import { GAP_SHAPES, type GapShape, gapsOfShape } from '../test/_gap-shapes.ts'
import { memoryInUse } from '../test/_memory.ts'

const LOOKUPS = 50_000

const measure = async (kind: GapShape, millions: number): Promise<void> => {
  const before = await memoryInUse()
  const gaps = gapsOfShape(kind, millions * 1_000_000)
  const bytes = (await memoryInUse()) - before
  const began = performance.now()
  for (let i = 0; i < LOOKUPS; i++) gaps.missingBelow(Math.floor(Math.random() * gaps.end))
  const micros = ((performance.now() - began) * 1_000) / LOOKUPS
  process.stdout.write(
    `${kind}: ${millions} million gaps, ${(bytes / 1e6).toFixed(1)} MB, ${(bytes / gaps.count).toFixed(2)} bytes a gap, ${micros.toFixed(1)} us a lookup\n`,
  )
}

for (const kind of Object.keys(GAP_SHAPES) as GapShape[]) {
  for (const millions of [1, 8]) await measure(kind, millions)
}
