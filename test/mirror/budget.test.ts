import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { describe, it } from 'vitest'
import { AnswerMemory, Budget } from '../../src/mirror/budget.ts'
import { BufferPool } from '../../src/mirror/buffer-pool.ts'
import { elapsed } from '../../src/mirror/clock.ts'
import { shareOfLimits, Throttle } from '../../src/mirror/throttle.ts'
import { Wake } from '../../src/mirror/wait.ts'

describe('Budget', () => {
  it('refuses what is not free, and grants what is larger than everything when all is free', () => {
    const budget = new Budget(100)
    strictEqual(budget.tryTake(60), true)
    strictEqual(budget.tryTake(60), false)
    budget.give(60)
    strictEqual(budget.tryTake(500), true)
    strictEqual(budget.tryTake(1), false)
    budget.give(500)
    strictEqual(budget.free, 100)
  })

  it('wakes whoever waits', async () => {
    const budget = new Budget(10)
    budget.tryTake(10)
    const freed = budget.freed(60_000)
    budget.give(10)
    await freed
  })
})

describe('AnswerMemory', () => {
  const KB = 1024

  it('counts what was reserved, then the buffer, and gives both back with the last user', () => {
    const budget = new Budget(100 * KB)
    const buffers = new BufferPool(100 * KB)
    budget.tryTake(80 * KB)
    const memory = new AnswerMemory(budget, buffers, 80 * KB)
    const frame = memory.space(30_000)
    memory.arrived(29_000)
    deepStrictEqual([frame.length, budget.free], [32 * KB, 68 * KB])
    memory.use()
    memory.release()
    strictEqual(budget.free, 68 * KB)
    memory.release()
    strictEqual(budget.free, 100 * KB)
    strictEqual(buffers.need(30_000), frame)
  })

  it('counts the records of an answer that came in one piece', () => {
    const budget = new Budget(100)
    budget.tryTake(80)
    const memory = new AnswerMemory(budget, new BufferPool(0), 80)
    memory.arrived(7)
    strictEqual(budget.free, 93)
    memory.release()
    strictEqual(budget.free, 100)
  })

  it('is not used again where a socket may still use it', () => {
    const budget = new Budget(100 * KB)
    const buffers = new BufferPool(100 * KB)
    budget.tryTake(80 * KB)
    const memory = new AnswerMemory(budget, buffers, 80 * KB)
    const frame = memory.space(30_000)
    memory.spoil()
    memory.release()
    deepStrictEqual([budget.free, buffers.bytes], [100 * KB, 0])
    ok(buffers.need(30_000) !== frame)
  })
})

describe('BufferPool', () => {
  it('reuses what is given back and bounds what is out', () => {
    const pool = new BufferPool(128 * 1024)
    const first = pool.take(70_000)!
    strictEqual(first.length, 131_072)
    strictEqual(pool.take(1), undefined)
    pool.give(first)
    strictEqual(pool.take(100_000), first)
    pool.forget(first)
    ok(pool.take(100_000) !== first)
  })

  it('keeps no buffer of one size beside those of another beyond its bound', () => {
    const pool = new BufferPool(128 * 1024)
    pool.give(pool.take(128 * 1024)!)
    strictEqual(pool.bytes, 128 * 1024)
    for (let i = 0; i < 8; i++) ok(pool.take(16 * 1024))
    strictEqual(pool.bytes, 128 * 1024)
    strictEqual(pool.take(1), undefined)
  })

  it('has room for what arrives beyond its bound, and keeps none of it', () => {
    const pool = new BufferPool(64 * 1024)
    const large = pool.need(1_000_000)
    strictEqual(pool.take(1), undefined)
    pool.give(large)
    strictEqual(pool.bytes, 0)
  })
})

describe('Throttle', () => {
  it('lets the given rate through', () => {
    const throttle = new Throttle(1_000_000, 0)
    let now = 0
    let sent = 0
    while (now < 10_000) {
      const wait = throttle.waitMs(now)
      now += wait
      if (wait > 0) continue
      throttle.spend(70_000)
      sent += 70_000
    }
    ok(sent > 9_900_000 && sent < 10_500_000, `${sent}`)
  })

  it('goes on at another rate, and still owes what it sent at the former one', () => {
    const throttle = new Throttle(1_000, 0)
    throttle.spend(10_250)
    ok(throttle.waitMs(0) > 9_000)
    throttle.limit(10_000)
    const wait = throttle.waitMs(0)
    ok(wait > 900 && wait < 1_100, `${wait}`)
    throttle.limit(0)
    strictEqual(throttle.waitMs(5_000), Number.POSITIVE_INFINITY)
  })

  it('is not there without a limit', () => {
    const throttle = new Throttle(undefined, 0)
    throttle.spend(1e12)
    strictEqual(throttle.waitMs(0), 0)
  })
})

describe('shareOfLimits', () => {
  const LIMITS: Readonly<Record<string, number>> = { a: 100, b: 300 }
  /** So many partitions of each migration, and who of the processes holds each. */
  const shared = (holders: Readonly<Record<string, string>>, process: string) =>
    Object.entries(holders).flatMap(([migration, each]) =>
      [...each].map((holder) => ({ migration, isHeld: holder === process })),
    )
  const limitOf = (migration: string) => LIMITS[migration]

  it('of all processes comes to the sum of the limits, however the partitions lie', () => {
    const holders = { a: '111', b: '1222222222' }
    const [one, two] = ['1', '2'].map((process) => shareOfLimits(shared(holders, process), limitOf))
    deepStrictEqual([one, two], [130, 270])
    strictEqual(shareOfLimits(shared(holders, '3'), limitOf), 0)
  })

  it('of a process that follows one of the migrations, beside one that follows all', () => {
    const apply = shareOfLimits(shared({ a: '1121' }, '1'), limitOf)!
    const mirror = shareOfLimits(shared({ a: '1121', b: '222' }, '2'), limitOf)!
    strictEqual(apply + mirror, 400)
  })

  it('is lifted by what is held of a migration without a limit', () => {
    strictEqual(shareOfLimits(shared({ a: '12', free: '2' }, '2'), limitOf), undefined)
    strictEqual(shareOfLimits(shared({ a: '12', free: '2' }, '1'), limitOf), 50)
  })
})

describe('elapsed', () => {
  it('believes the clock that says more', () => {
    const since = { monotonic: 0, wall: 1_000 }
    strictEqual(elapsed(since, { monotonic: 5, wall: 61_000 }), 60_000)
    strictEqual(elapsed(since, { monotonic: 50, wall: 0 }), 50)
  })
})

describe('Wake', () => {
  it('keeps a wake without a waiter, and gives up after its time', async () => {
    const wake = new Wake()
    wake.wake()
    await wake.wait()
    await wake.wait(1)
    const woken: number[] = []
    const waiting = [wake.wait().then(() => woken.push(1)), wake.wait().then(() => woken.push(2))]
    wake.wake()
    await Promise.all(waiting)
    deepStrictEqual(woken, [1, 2])
  })
})
