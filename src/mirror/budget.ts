import type { BufferPool } from './buffer-pool.ts'
import { Wake } from './wait.ts'

/** How many bytes of records are held in memory over all partitions. */
export class Budget {
  readonly total: number
  #free: number
  readonly #freed = new Wake()

  constructor(total: number) {
    this.total = total
    this.#free = total
  }

  get free(): number {
    return this.#free
  }

  /** Takes up to `bytes`. False if they are not free; a request larger than everything is granted when all is free. */
  tryTake(bytes: number): boolean {
    if (this.#free < Math.min(bytes, this.total)) return false
    this.#free -= bytes
    return true
  }

  /** An answer turned out larger or smaller than was taken for it. Free bytes may become negative: what has arrived is there. */
  adjust(taken: number, actual: number): void {
    this.#free += taken - actual
    if (actual < taken) this.#freed.wake()
  }

  give(bytes: number): void {
    this.#free += bytes
    this.#freed.wake()
  }

  /** Resolves when something was given back. */
  freed(timeoutMs: number): Promise<void> {
    return this.#freed.wait(timeoutMs)
  }
}

/**
 * The memory of one Fetch answer. Its share of the budget is reserved before the request, since the answer comes in any case; a buffer for
 * it is taken when its size is known. Both are free when the last batch of it was sent or dropped, because batches are views into it.
 */
export class AnswerMemory {
  readonly #budget: Budget
  readonly #buffers: BufferPool
  #bytes: number
  #frame: Buffer | undefined
  #users = 1
  #isReusable = true

  constructor(budget: Budget, buffers: BufferPool, reserved: number) {
    this.#budget = budget
    this.#buffers = buffers
    this.#bytes = reserved
  }

  /** Where the answer is read to. An answer that comes in one piece does not ask. */
  readonly space = (bytes: number): Buffer => {
    this.#frame = this.#buffers.need(bytes)
    this.#settle(this.#frame.length)
    return this.#frame
  }

  /** The answer is here, with so many bytes of records. */
  arrived(bytes: number): void {
    if (this.#frame === undefined) this.#settle(bytes)
  }

  /** Memory of what was made of this answer and is not a part of it. It has one user. */
  beside(bytes: number): AnswerMemory {
    this.#budget.adjust(0, bytes)
    return new AnswerMemory(this.#budget, this.#buffers, bytes)
  }

  use(): void {
    this.#users++
  }

  /** Not to be used again: a socket may still read from it, or into it. */
  spoil(): void {
    this.#isReusable = false
  }

  release(): void {
    this.#users--
    if (this.#users > 0) return
    if (this.#frame !== undefined) {
      if (this.#isReusable) this.#buffers.give(this.#frame)
      else this.#buffers.forget(this.#frame)
    }
    this.#budget.give(this.#bytes)
  }

  #settle(actual: number): void {
    this.#budget.adjust(this.#bytes, actual)
    this.#bytes = actual
  }
}
