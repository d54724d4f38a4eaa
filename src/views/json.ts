import { canonicalFile } from '../domain/canonical-json.ts'
import type { Plan } from '../domain/plan.ts'

/** Version of the envelopes that this folder makes; formats with a version of their own say theirs. */
export const OUTPUT_FORMAT_VERSION = '1.0'

/** Indented, for files and pipes alike. Values must be plain JSON data: offsets are integers by then, not bigints. */
export const renderJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

/** One plan is the plan file itself, byte for byte; several are an object with plans. In pieces: the whole may be very large. */
export const renderPlansJson = (plans: readonly Plan[], single: boolean): Iterable<string> =>
  single
    ? canonicalFile(plans[0])
    : canonicalFile({ formatVersion: OUTPUT_FORMAT_VERSION, plans }, DEPTH_OF_PLANS)

/** Each plan is cut as a plan file is, two levels further in. */
const DEPTH_OF_PLANS = 4
