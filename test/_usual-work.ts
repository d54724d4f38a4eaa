/**
 * Says on stdout how many seconds of CPU a fixed piece of work takes, of the kind that planning does: objects, maps, sorting, JSON and a
 * hash. Half as fast a core takes twice as many. A process of its own, so that no heap of others is collected in it.
 */
import { createHash } from 'node:crypto'

const work = (): number => {
  const all = new Map<string, { key: string; at: bigint; list: number[] }>()
  for (let i = 0; i < 100_000; i++) {
    all.set(`topic-${i % 1_000}:${i}`, { key: `k${i}`, at: BigInt(i), list: [i, i + 1] })
  }
  const sorted = [...all.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
  const text = JSON.stringify(sorted, (_, v) => (typeof v === 'bigint' ? `${v}` : v))
  return createHash('sha256').update(text).digest().length + JSON.parse(text).length
}

const before = process.cpuUsage()
for (let round = 0; round < 4; round++) work()
const { user, system } = process.cpuUsage(before)
process.stdout.write(`${(user + system) / 1e6}`)
