import { nameRange, type StrandedRange } from '../domain/stranded.ts'

export const SALVAGE_FORMAT_VERSION = '1.0'

type Salvaged = StrandedRange & { readonly records: number }

export const renderSalvaged = (migration: string, done: readonly Salvaged[]): string =>
  done.length === 0
    ? `Nothing of ${migration} is stranded.\n`
    : done.map((each) => `Appended ${each.records} records: ${nameRange(each)}.\n`).join('')

/** `to` is exclusive. */
export const renderSalvagedJson = (migration: string, done: readonly Salvaged[]): string =>
  `${JSON.stringify(
    {
      formatVersion: SALVAGE_FORMAT_VERSION,
      migration,
      ranges: done.map(({ topic, partition, from, to, records }) => ({
        topic,
        partition,
        from: Number(from),
        to: Number(to),
        records,
      })),
    },
    null,
    2,
  )}\n`
