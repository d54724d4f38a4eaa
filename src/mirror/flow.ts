import type { Diagnostic } from '../domain/diagnostic.ts'
import type { Block } from './intake.ts'

/** From where a flow begins: what is known right after the check of a tenure. */
export interface Position {
  /** Log end of the target: everything below was checked. */
  readonly targetEnd: number
  readonly sourceNext: number
  readonly sourceEnd: number
  readonly maxBytes: number
  /** Whether the last batch on the target is so young that the broker still knows our producer id. */
  readonly tailIsFresh: boolean
}

/** Why sending stopped by itself. */
export interface Trouble {
  readonly why: string
  /** A request may still arrive at the broker, or was appended without an answer. */
  readonly uncertain: boolean
  /** Only a person can help. */
  readonly problem?: Diagnostic
  /** Nothing says that it passes by itself: what is wrong if it comes again and again. */
  readonly ifItLasts?: Diagnostic
  /** The same, where it is still to be found out how far it reaches. */
  readonly block?: Block
}

/** How the flows of a partition end, one after the other: each by its first trouble, and only once no answer is awaited any more. */
export class FlowEnd {
  #trouble: Trouble | undefined
  #ended: ((trouble: Trouble) => void) | undefined
  #quiet: (() => void)[] = []

  /** A flow begins. Resolves at its end with what ended it. */
  begin(): Promise<Trouble> {
    this.#trouble = undefined
    return new Promise((resolve) => {
      this.#ended = resolve
    })
  }

  /** The first trouble counts. */
  because(trouble: Trouble): void {
    this.#trouble ??= trouble
  }

  /** No answer is awaited: it is over if it was ended. */
  settle(): void {
    const ended = this.#ended
    const trouble = this.#trouble
    if (ended === undefined || trouble === undefined) return
    const quiet = this.#quiet
    this.#ended = undefined
    this.#quiet = []
    ended(trouble)
    for (const resolve of quiet) resolve()
  }

  /** Resolves when no flow is under way, nor any answer of it. */
  whenQuiet(): Promise<void> {
    if (this.#ended === undefined) return Promise.resolve()
    return new Promise((resolve) => this.#quiet.push(resolve))
  }
}
