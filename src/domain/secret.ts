import { inspect } from 'node:util'

/** A value that must not be printed, logged or stored. Everything that turns it into text gives `(sensitive)`; only {@link Secret.reveal} does not. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** The clear text. Call it only where the value goes on the wire. */
  reveal(): string {
    return this.#value
  }

  toString(): string {
    return '(sensitive)'
  }

  toJSON(): string {
    return '(sensitive)'
  }

  [inspect.custom](): string {
    return '(sensitive)'
  }
}
