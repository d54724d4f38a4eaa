import { GapList } from '../src/domain/gap-list.ts'

/** Records from one gap to the next, and how many offsets it takes; `random` answers from 0 to 1. */
type Shape = (random: () => number) => readonly [records: number, offsets: number]

/** The gaps of topics as they are. */
export const GAP_SHAPES = {
  'a commit every 100 records': () => [100, 1],
  'a commit every 10,000 records': () => [10_000, 1],
  'compacted: one of 10 records left': (random) => [
    1 + Math.floor(random() * 2),
    1 + Math.floor(random() * 18),
  ],
  'compacted: one of 10,000 left': (random) => [1, 1 + Math.floor(random() * 20_000)],
} as const satisfies Readonly<Record<string, Shape>>

export type GapShape = keyof typeof GAP_SHAPES

/** The same in each run. */
export const gapsOfShape = (shape: GapShape, count: number): GapList => {
  let state = 42
  const random = () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
  const gaps = new GapList()
  for (let i = 0, at = 0; i < count; i++) {
    const [records, offsets] = GAP_SHAPES[shape](random)
    gaps.append(at + records, at + records + offsets)
    at += records + offsets
  }
  return gaps
}
