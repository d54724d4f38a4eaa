import { orderFinding } from '../planner/cutover-warnings.ts'
import type { Finding } from './check.ts'
import type { MigrationFacts } from './facts.ts'

/** Which side should move first, from lag, rate and retention as they are, and why; what the file says beside it. */
export const orderFits = ({
  migration,
  observed,
  source,
}: Pick<MigrationFacts, 'migration' | 'observed'> & {
  readonly source: Pick<MigrationFacts['source'], 'now'>
}): Finding => {
  const { advice, warning } = orderFinding({ desired: migration, observed, now: source.now() })
  const { order, because } = advice
  const file =
    order === migration.order ? 'as the plan file says' : `the plan file says ${migration.order}`
  return { says: `${order} (${file}): ${because}`, problems: warning }
}
