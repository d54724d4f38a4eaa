import { humanSeconds } from '../domain/human-duration.ts'

/** How far a reading of many records is: what was read of what is to be read, the rate, and the time left. */
export class ReadingMeter {
  readonly #what: string
  readonly #total: number
  readonly #report: (line: string) => void
  readonly #clock: () => number
  readonly #began: number
  #read = 0
  #told: number

  constructor(
    what: string,
    total: number,
    report: (line: string) => void,
    clock: () => number = () => performance.now(),
  ) {
    this.#what = what
    this.#total = total
    this.#report = report
    this.#clock = clock
    this.#began = clock()
    this.#told = this.#began
  }

  /** So many more were read. Tells it twice a second at most. */
  add(records: number): void {
    this.#read += records
    const now = this.#clock()
    if (now - this.#told < 500) return
    this.#told = now
    this.#report(this.#line((now - this.#began) / 1000))
  }

  #line(seconds: number): string {
    const rate = this.#read / seconds
    const left = Math.max(0, this.#total - this.#read) / rate
    const numbers = `${grouped(this.#read)} of ${grouped(this.#total)} records, ${grouped(rate)}/s`
    return `${this.#what}: ${numbers}, about ${humanSeconds(Math.max(1, left))} left`
  }
}

const grouped = (value: number): string => Math.round(value).toLocaleString('en-US')
