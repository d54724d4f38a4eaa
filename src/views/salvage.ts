import { nameRange, type StrandedRange } from '../domain/stranded.ts'
import { count } from './text.ts'

export const SALVAGE_FORMAT_VERSION = '1.0'

interface Salvaged {
  readonly done: readonly (StrandedRange & { readonly records: number })[]
  readonly lost: readonly (StrandedRange & { readonly unsure?: boolean })[]
  readonly there: readonly StrandedRange[]
}

export const renderSalvaged = (migration: string, { done, lost, there }: Salvaged): string =>
  done.length + lost.length + there.length === 0
    ? `Nothing of ${migration} is stranded.\n`
    : [
        ...done.map((each) => `Appended ${count(each.records, 'record')}: ${nameRange(each)}.\n`),
        ...lost.map(
          (each) =>
            `Given up, ${each.unsure ? 'on the target or not' : 'gone from the source'}: ${nameRange(each)}.\n`,
        ),
        ...there.map((each) => `Not given up, on the target by now: ${nameRange(each)}.\n`),
      ].join('')

/** `to` is exclusive. */
export const renderSalvagedJson = (migration: string, { done, lost, there }: Salvaged): string =>
  `${JSON.stringify(
    {
      formatVersion: SALVAGE_FORMAT_VERSION,
      migration,
      ranges: done.map((each) => ({ ...rangeOf(each), records: each.records })),
      lost: lost.map((each) => ({ ...rangeOf(each), ...(each.unsure && { unsure: true }) })),
      there: there.map(rangeOf),
    },
    null,
    2,
  )}\n`

const rangeOf = ({ topic, partition, from, to }: StrandedRange) => ({
  topic,
  partition,
  from: Number(from),
  to: Number(to),
})
