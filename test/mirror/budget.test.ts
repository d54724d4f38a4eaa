import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { describe, it } from 'vitest'
import { AnswerMemory, Budget } from '../../src/mirror/budget.ts'
import { BufferPool } from '../../src/mirror/buffer-pool.ts'
import { elapsed } from '../../src/mirror/clock.ts'
import { Throttle } from '../../src/mirror/throttle.ts'
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

  it('gives the memory of an answer back with its last user', () => {
    const budget = new Budget(100)
    budget.tryTake(80)
    budget.adjust(80, 50)
    const memory = new AnswerMemory(budget, 50)
    memory.use()
    memory.release()
    strictEqual(budget.free, 50)
    memory.release()
    strictEqual(budget.free, 100)
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

  it('is not there without a limit', () => {
    const throttle = new Throttle(undefined, 0)
    throttle.spend(1e12)
    strictEqual(throttle.waitMs(0), 0)
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
