import type { Answers } from '../domain/answers.ts'
import { FerryError } from '../domain/diagnostic.ts'

/** Questions that come within this time are asked together. */
const WINDOW_MS = 3

interface Question<V> {
  readonly resolve: (value: V) => void
  readonly reject: (error: unknown) => void
}

/** Turns questions about single partitions into few requests about many: a thousand partitions that start at once ask a leader once. */
export class Coalescer<K, V> {
  readonly #load: (keys: readonly K[]) => Promise<Answers<K, V>>
  #open = new Map<K, Question<V>[]>()

  constructor(load: (keys: readonly K[]) => Promise<Answers<K, V>>) {
    this.#load = load
  }

  /** Rejects with a retriable {@link FerryError} if this key was not answered. */
  ask(key: K): Promise<V> {
    return new Promise((resolve, reject) => {
      if (this.#open.size === 0) setTimeout(() => void this.#flush(), WINDOW_MS)
      const questions = this.#open.get(key)
      if (questions === undefined) this.#open.set(key, [{ resolve, reject }])
      else questions.push({ resolve, reject })
    })
  }

  async #flush(): Promise<void> {
    const open = this.#open
    this.#open = new Map()
    try {
      const answers = await this.#load([...open.keys()])
      for (const [key, questions] of open) {
        const problem = answers.failed.get(key)
        for (const question of questions) {
          if (answers.ok.has(key)) question.resolve(answers.ok.get(key) as V)
          else if (problem) question.reject(new FerryError(problem, { retriable: true }))
          else question.reject(new Error('it was left out of the answer'))
        }
      }
    } catch (error) {
      for (const questions of open.values()) {
        for (const question of questions) question.reject(error)
      }
    }
  }
}
