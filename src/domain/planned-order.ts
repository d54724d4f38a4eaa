import type { Order } from './stage.ts'

/** Which side should move first, beside what the plan file says. */
export interface PlannedOrder {
  readonly file: Order
  readonly advised: Order
  /** From lag, rate and retention as they were; a sentence without its dot. */
  readonly because: string
}

export const orderInWords = ({ file, advised, because }: PlannedOrder): string =>
  `${advised} (${file === advised ? 'as the plan file says' : `the plan file says ${file}`}): ${because}`
