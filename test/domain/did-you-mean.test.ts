import { expect, it, vi } from 'vitest'
import { didYouMean } from '../../src/domain/did-you-mean.ts'
import type { TopicName } from '../../src/domain/ids.ts'
import { probablyMeant } from '../../src/planner/observe.ts'

it('names the nearest that is near enough, in either case, be it longer or shorter by as much', () => {
  expect(didYouMean('order.event', ['audit', 'orders.event', 'Orders.Events'])).toBe('orders.event')
  expect(didYouMean('orders', ['ORDERSAB'])).toBe('ORDERSAB')
  expect(didYouMean('orders', ['ordersabc'])).toBeUndefined()
  expect(didYouMean('ordersab', ['orders'])).toBe('orders')
  expect(didYouMean('ab', ['abc', 'a'])).toBe('abc')
})

it('measures no distance to what is too long or too short to be meant', () => {
  const least = vi.spyOn(Math, 'min')
  const looked = (candidates: readonly string[]): number => {
    least.mockClear()
    didYouMean('orders', candidates)
    return least.mock.calls.length
  }
  // One each, for the limit.
  expect(looked(['or', 'ordersabc', 'o'.repeat(249)])).toBe(3)
  // And one for each pair of letters.
  expect(looked(['ordert'])).toBeGreaterThan(36)
  least.mockRestore()
})

it('is asked for a few of many topics that are missing', async () => {
  const names = (end: string) =>
    Array.from({ length: 50 }, (_, i) => `topic-${i}${end}` as TopicName)
  const there = { listTopics: async () => names('.events') }
  const meant = await probablyMeant(there, names('.event'))
  expect([...meant!]).toEqual(
    names('.event')
      .slice(0, 5)
      .map((name) => [name, `${name}s`]),
  )
})
