import { orderInWords } from '../domain/planned-order.ts'
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
  const { order: advised, because } = advice
  return { says: orderInWords({ file: migration.order, advised, because }), problems: warning }
}
