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

/** One Fetch answer: its memory is free when the last batch of it is acknowledged or dropped, because batches are views into it. */
export class AnswerMemory {
  readonly #budget: Budget
  readonly #bytes: number
  #users = 1

  constructor(budget: Budget, bytes: number) {
    this.#budget = budget
    this.#bytes = bytes
  }

  use(): void {
    this.#users++
  }

  release(): void {
    this.#users--
    if (this.#users === 0) this.#budget.give(this.#bytes)
  }
}
