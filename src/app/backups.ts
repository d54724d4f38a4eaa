import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { Backup, StateStore } from '../state/state-store.ts'

/** A backup as `ferry state show` lists it. */
export interface ListedBackup extends Omit<Backup, 'digest'> {
  /** What `ferry state pull NAME --backup` takes for it. */
  readonly name: string
}

/** In the order of lineage and serial. */
export const listedBackups = (all: readonly Backup[]): readonly ListedBackup[] =>
  all.map((backup) => {
    const { lineage, serial, at } = backup
    return { name: backupName(backup, all), lineage, serial, at }
  })

/** The shortest name that none of the others has. */
const backupName = ({ lineage, serial, digest }: Backup, all: readonly Backup[]): string => {
  const whole = `${lineage}:${serial}:${digest}`
  const short = lineage.slice(0, SHORT)
  const names = [`${short}:${serial}`, `${lineage}:${serial}`, `${short}:${serial}:${digest}`]
  return names.find((name) => matching(all, name).length === 1) ?? whole
}

/** A state by lineage and serial, however many of them were kept. */
export const serialName = ({ lineage, serial }: Pick<Backup, 'lineage' | 'serial'>): string =>
  `${lineage.slice(0, SHORT)}:${serial}`

const SHORT = 8

/**
 * The text of the backup that `SERIAL` names, in the lineage of what is recorded (where nothing is, in any), or `LINEAGE:SERIAL`, or
 * `LINEAGE:SERIAL:DIGEST`; beginnings of lineage and digest do. FERRY1104, with what there is: none has that name, or several have.
 */
export const pullBackup = async (
  store: StateStore,
  migration: string,
  name: string,
): Promise<string> => {
  const all = await store.backups(migration)
  const found = matching(all, name)
  const now = (await store.readDecisions(migration))?.lineage
  const meant = name.includes(':')
    ? found
    : found.filter(({ lineage }) => now === undefined || lineage === now)
  const [only] = meant
  const content =
    only !== undefined && meant.length === 1 ? await store.backup(migration, only) : undefined
  if (content !== undefined) return content
  const choices = listedBackups(all).filter((_, i) => found.includes(all[i] as Backup))
  const told = choices.map(
    (each) => `${each.name} (lineage ${each.lineage}, ${each.at ?? 'no journal'})`,
  )
  throw new FerryError(
    diagnostic({
      code: 'FERRY1104',
      detail:
        meant.length > 1
          ? `${meant.length} backups of ${JSON.stringify(migration)} are named so: ${told.join('; ')}.`
          : `There is no backup ${name} of ${JSON.stringify(migration)}${now === undefined || name.includes(':') ? '' : ` in its lineage, ${now}`}.${told.length > 0 ? ` Of others there are: ${told.join('; ')}.` : ''}`,
      fix:
        told.length > 0
          ? `Give the whole name: ferry state pull ${migration} --backup ${choices[0]?.name}.`
          : 'ferry state show NAME says which backups there are, by lineage and serial.',
    }),
  )
}

const matching = (all: readonly Backup[], name: string): readonly Backup[] => {
  const words = name.split(':')
  const [lineage = '', serial = '', digest = ''] = words.length === 1 ? ['', name] : words
  return all.filter(
    (each) =>
      each.lineage.startsWith(lineage) &&
      String(each.serial) === serial &&
      each.digest.startsWith(digest),
  )
}
