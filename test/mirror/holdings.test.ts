import { expect, it } from 'vitest'
import { type PartitionKey, partitionKey, type TopicName } from '../../src/domain/ids.ts'
import { Holdings } from '../../src/mirror/holdings.ts'
import type { MirroredPartition } from '../../src/mirror/partition.ts'

/** Which partitions this process copies while they are shared anew. Nothing is copied here: what must be there before never is. */

const partition = (number: number) => {
  let becomesQuiet = () => {}
  const quiet = new Promise<void>((resolve) => {
    becomesQuiet = resolve
  })
  const p = {
    key: partitionKey('orders' as TopicName, number),
    state: 'waiting',
    isCertain: true,
    mayBeInFlight: false,
    whenQuiet: () => quiet,
  } as unknown as MirroredPartition
  return { p, becomesQuiet }
}

const holding = (...partitions: readonly MirroredPartition[]) => {
  const holdings = new Holdings({
    ready: () => new Promise(() => {}),
    save: async () => {},
    saveWithinMs: 0,
    tend: {} as never,
  })
  const share = (...keys: readonly PartitionKey[]) =>
    holdings.shared(new Map(keys.map((key) => [key, true])), partitions)
  return { holdings, share, held: () => holdings.held.map(({ key }) => key) }
}

it('copies no partition that it gives away, though it is followed anew while another one is not quiet yet', async () => {
  const [quick, slow] = [partition(0), partition(1)]
  const { holdings, share, held } = holding(quick.p, slow.p)
  share(quick.p.key, slow.p.key)
  expect(held()).toEqual([quick.p.key, slow.p.key])

  const drained = holdings.drain()
  quick.becomesQuiet()
  await Promise.resolve()
  for (const { p } of [quick, slow]) holdings.place(p)
  expect(held()).toEqual([])
  slow.becomesQuiet()
  expect(await drained).toEqual(new Set([quick.p.key, slow.p.key]))
  for (const { p } of [quick, slow]) holdings.place(p)
  expect(held()).toEqual([])

  share(slow.p.key)
  expect(held()).toEqual([slow.p.key])
  expect(quick.p.state).toBe('elsewhere')
})

it('lets go what another share does not have', () => {
  const [one, other] = [partition(0), partition(1)]
  const { share, held } = holding(one.p, other.p)
  share(one.p.key, other.p.key)
  share(one.p.key)
  expect(held()).toEqual([one.p.key])
})
