import { canonicalJson } from '../domain/canonical-json.ts'
import type { Plan } from '../domain/plan.ts'

/** Version of the envelopes that this folder makes; formats with a version of their own say theirs. */
export const OUTPUT_FORMAT_VERSION = '1.0'

/** Indented, for files and pipes alike. Values must be plain JSON data: offsets are integers by then, not bigints. */
export const renderJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

/** One plan is the plan file itself, byte for byte; several are an object with plans. */
export const renderPlansJson = (plans: readonly Plan[], single: boolean): string =>
  `${canonicalJson(single ? plans[0] : { formatVersion: OUTPUT_FORMAT_VERSION, plans })}\n`
