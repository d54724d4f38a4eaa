import type { Diagnostic } from '../domain/diagnostic.ts'

/** What a broker says that it does not do. After anything else a change may be made, or still come. */
const REFUSALS: readonly Diagnostic['code'][] = ['FERRY1207', 'FERRY1208', 'FERRY1209']

/** True if nothing was changed: what was written down before it is to be taken back. */
export const isRefusal = ({ code }: Diagnostic): boolean => REFUSALS.includes(code)
